// SPDX-License-Identifier: Apache-2.0

// Guest runs in a machine of test/pkg. As process 1 it mounts the disk, puts on
// it what came with the kernel and lets systemd take over; as a service of that
// system it lives a story, tells each step on the console and switches off.
package main

import (
	"fmt"
	"os"

	"github.com/tiercel/tiercel/test/vm/disk"
)

func main() {
	if os.Getpid() == 1 {
		disk.Boot()
	}
	if len(os.Args) > 1 {
		help(os.Args[1:])
		return
	}
	console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		disk.PowerOff()
	}
	os.Stdout = console
	g := newGuest()
	steps := stories[g.story]
	if steps == nil {
		fmt.Printf("@@FAIL story: there is no %q\n", g.story)
	}
	for _, s := range steps {
		g.step(s)
	}
	fmt.Println("@@DONE")
	disk.PowerOff()
}
