// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A line of the kernel may stand before a mark, never behind it.
func TestAConsoleTellsTheOutcome(t *testing.T) {
	s := ParseConsole("booting\r\n[    1.2] random: crng@@OK fillers\r\n  x_test.go:3: @@NOTE 12 events\n@@FAIL agent: no alert\n@@DONE\n")
	if !slices.Equal(s.Passed, []string{"fillers"}) || !slices.Equal(s.Failed, []string{"agent: no alert"}) ||
		!slices.Equal(s.Notes, []string{"12 events"}) || !s.Done || s.Oops {
		t.Errorf("%+v", s)
	}
	if s := ParseConsole("@@OK fillers\nBUG: kernel NULL pointer dereference\n"); s.Done || !s.Oops {
		t.Errorf("a fault: %+v", s)
	}
}

func TestNewestReleaseOfARow(t *testing.T) {
	rows, err := Named([]string{"6.1"})
	if err != nil {
		t.Fatal(err)
	}
	got := rows[0].newest([]string{"6.1.0-9-cloud-amd64", "6.1.0-56-cloud-amd64", "6.1.0-56-cloud-arm64", "6.12.1+deb12-cloud-amd64", "6.1.0-7-cloud-amd64"})
	if got != "6.1.0-56-cloud-amd64" {
		t.Errorf("newest: %q", got)
	}
	if rows, err := Named([]string{"arm64", "7"}); err != nil || len(rows) != 3 {
		t.Errorf("rows by architecture: %v, %v", rows, err)
	}
	if _, err := Named([]string{"4.19"}); err == nil || !strings.Contains(err.Error(), "there are 5.10") {
		t.Errorf("a kernel that is not there: %v", err)
	}
}

// What is written is what cpio reads: names, modes, links and contents.
func TestInitramfsIsACpioArchive(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip("needs cpio (apt-get install cpio)")
	}
	tree := t.TempDir()
	if err := os.MkdirAll(filepath.Join(tree, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"a/b/one": 0o640, "a/two": 0o755, "a/skipped": 0o644} {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("b/one", filepath.Join(tree, "a/link")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := NewInitramfs(&out)
	a.Tree("", tree, func(rel string) bool { return rel == "a/skipped" })
	a.Text("etc/hosts", "127.0.0.1 localhost\n", 0o600)
	a.File("init", filepath.Join(tree, "a/two"))
	a.Link("lib64", "lib")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	cmd := exec.Command("cpio", "-id", "--quiet")
	cmd.Dir, cmd.Stdin = root, &out
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{"a/b/one": "a/b/one", "a/link": "a/b/one", "init": "a/two", "etc/hosts": "127.0.0.1 localhost\n"} {
		if b, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]os.FileMode{"a/b/one": 0o640, "a/two": 0o755, "etc/hosts": 0o600, "init": 0o755} {
		if st, err := os.Stat(filepath.Join(root, name)); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "a/skipped")); err == nil {
		t.Error("what was to be skipped is there")
	}
	if target, err := os.Readlink(filepath.Join(root, "lib64")); err != nil || target != "lib" {
		t.Errorf("lib64: %q, %v", target, err)
	}
}

// The last sequence of a block has no match; matches may overlap themselves.
func TestLZ4Blocks(t *testing.T) {
	block := []byte{0x35, 'a', 'b', 'c', 3, 0, 0x10, 'd'} // abc, 9 bytes from 3 back, d
	got, err := unpackLZ4([]byte("before"), block)
	if err != nil || string(got) != "beforeabcabcabcabcd" {
		t.Errorf("%q, %v", got, err)
	}
	for _, damaged := range [][]byte{{0x35, 'a'}, {0x15, 'a', 9, 0, 0x10, 'd'}, {0x15, 'a', 0, 0, 0x10, 'd'}, {0xf0, 255}, {0x10, 'a', 1}} {
		if _, err := unpackLZ4(nil, damaged); err == nil {
			t.Errorf("%x was taken", damaged)
		}
	}
}

func FuzzLZ4Blocks(f *testing.F) {
	f.Add([]byte{0x35, 'a', 'b', 'c', 3, 0, 0x10, 'd'})
	f.Fuzz(func(t *testing.T, block []byte) {
		if out, err := unpackLZ4(nil, block); err == nil && len(block) > 0 && len(out) > 256*len(block) {
			t.Errorf("%d bytes out of %d", len(out), len(block))
		}
	})
}

func FuzzImages(f *testing.F) {
	image := make([]byte, 1024)
	copy(image[0x202:], "HdrS")
	f.Add(image)
	f.Fuzz(func(_ *testing.T, image []byte) { _, _ = unpackImage(image) })
}

// A machine that hangs before it has said anything is not waited for.
func TestASilentMachineIsStopped(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "qemu")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := Machine{Arch: &Arch{Program: program}, Initramfs: []string{program}, Console: filepath.Join(dir, "console"), Boot: 50 * time.Millisecond}
	if err := m.Run(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("a silent one: %v", err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho booting >"+m.Console+"\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.Boot, m.Time = time.Second, 3*time.Second
	if err := m.Run(t.Context()); !errors.Is(err, ErrTime) {
		t.Errorf("one that speaks: %v", err)
	}
}
