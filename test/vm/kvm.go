// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// useKVM decides how machines run. That there is a /dev/kvm says little: inside
// of other machines guests may hang with it. So one is booted, and what comes of
// it is remembered until the host boots.
func useKVM(ctx context.Context, accel, cache string, cells []*cell) (bool, error) {
	switch accel {
	case "tcg":
		return false, nil
	case "kvm":
		return true, nil
	case "auto":
	default:
		return false, fmt.Errorf("-accel %s: there are auto, tcg and kvm", accel)
	}
	var native *cell
	for _, c := range cells {
		if c.kernel.Arch.Name == runtime.GOARCH {
			native = c
		}
	}
	if _, err := os.Stat("/dev/kvm"); err != nil || native == nil {
		return false, nil
	}
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	known := filepath.Join(cache, "kvm-tried")
	if b, err := os.ReadFile(known); err == nil {
		if outcome, ok := strings.CutPrefix(string(b), string(id)); ok {
			return outcome == "yes", nil
		}
	}
	usable := tryKVM(ctx, cache, native)
	fmt.Printf("a machine with KVM comes up: %v\n", usable)
	outcome := "no"
	if usable {
		outcome = "yes"
	}
	return usable, os.WriteFile(known, append(id, outcome...), 0o644)
}

func tryKVM(ctx context.Context, cache string, c *cell) bool {
	dir := filepath.Join(cache, "kvm-try")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false
	}
	f, err := os.Create(filepath.Join(dir, "initramfs"))
	if err != nil {
		return false
	}
	a := machine.NewInitramfs(f)
	a.File("init", c.bin+"/guest")
	if a.Close() != nil || f.Close() != nil {
		return false
	}
	m := machine.Machine{
		Arch: c.kernel.Arch, Image: c.kernel.Image, Initramfs: []string{f.Name()}, Append: "rdinit=/init TIERCEL_CELL=none",
		Console: filepath.Join(dir, "console"), Time: 15 * time.Second, KVM: true,
	}
	if m.Run(ctx) != nil {
		return false
	}
	said, err := machine.ReadConsole(m.Console)
	return err == nil && said.Done
}
