// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// A result is taken again for the same machine only, and only if it passed.
func TestResultsAreKeptByWhatTheMachineIsMadeOf(t *testing.T) {
	if _, err := exec.LookPath(machine.AMD64.Program); err != nil {
		t.Skip("needs " + machine.AMD64.Program + " (apt-get install " + machine.AMD64.Package + ")")
	}
	dir := t.TempDir()
	image, root := filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initramfs")
	for _, path := range []string{image, root} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh := func() *cell {
		return &cell{kernel: &guestKernel{Kernel: &machine.Kernel{Row: machine.Row{Arch: machine.AMD64}, Image: image}}, kind: &kind{name: "kmod"}, dir: dir}
	}
	hash := func(c *cell) string {
		h, err := c.hash(c.machine(false), "tree")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	c := fresh()
	first := hash(c)
	c.said = machine.Said{Passed: []string{"agent"}, Done: true, Text: "all of the console"}
	for _, failed := range []error{errors.New("it crashed"), nil} {
		if c.err = failed; c.keep(first, "abc") != nil {
			t.Fatal("cannot keep a result")
		}
		if again := fresh(); again.remembered(first) != (failed == nil) {
			t.Errorf("with %v the result is taken: %v", failed, failed != nil)
		}
	}
	again := fresh()
	if !again.remembered(first) || again.earlier != "abc" || again.outcome() != "ok: agent" || again.verdict() != "ok, passed before: agent" {
		t.Errorf("%+v: %s", again.said, again.verdict())
	}
	if err := os.WriteFile(root, []byte("another agent"), 0o600); err != nil {
		t.Fatal(err)
	}
	if second := hash(c); second == first || fresh().remembered(second) {
		t.Error("the result of another root is taken")
	}
}
