// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func init() {
	provide(map[string]step{
		"setuid-bit":    {run: setuidBit},
		"ptrace":        {run: attach},
		"load-module":   {run: loadModule},
		"failing-chmod": {run: failingChmod},
	})
}

func setuidBit() error {
	f, err := os.CreateTemp("", "tiercel-provoke-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	f.Close()
	return exec.Command("chmod", "u+s", f.Name()).Run()
}

func attach() error {
	victim := exec.Command("sleep", "5")
	if err := victim.Start(); err != nil {
		return err
	}
	defer func() { victim.Process.Kill(); victim.Wait() }()
	if err := unix.PtraceAttach(victim.Process.Pid); err != nil {
		return err
	}
	var st unix.WaitStatus
	if _, err := unix.Wait4(victim.Process.Pid, &st, 0, nil); err != nil {
		return err
	}
	return unix.PtraceDetach(victim.Process.Pid)
}

// loadModule offers the kernel a module that cannot be one.
func loadModule() error {
	if err := unix.InitModule([]byte("not a module"), "tiercel=provoked"); err == nil {
		return fmt.Errorf("the kernel took garbage for a module")
	}
	return nil
}

func failingChmod() error {
	if err := os.Chmod("/nonexistent/file", os.ModeSetuid|0o755); err == nil {
		return fmt.Errorf("changed the mode of a file that is not there")
	}
	return nil
}
