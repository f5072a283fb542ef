// SPDX-License-Identifier: Apache-2.0

// Gen writes the folder that a package installs as /usr/src/tiercel-VERSION:
// go run ./packaging/dkms/gen DIR VERSION.
package main

import (
	"fmt"
	"os"

	"github.com/tiercel/tiercel/packaging/dkms"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./packaging/dkms/gen DIR VERSION")
		os.Exit(2)
	}
	if err := dkms.Write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
