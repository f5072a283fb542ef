// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestAModuleOfDKMSIsPreferredToOneBuiltHere(t *testing.T) {
	root := t.TempDir()
	if _, err := Find(root, "6.1.0-9"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/var/lib/tiercel/6.1.0-9/tiercel.ko") {
		t.Error(err)
	}
	for _, p := range []string{"/var/lib/tiercel/6.1.0-9/tiercel.ko", "/lib/modules/6.1.0-9/extra/tiercel.ko.xz", "/lib/modules/6.1.0-9/updates/dkms/tiercel.ko"} {
		if err := os.MkdirAll(filepath.Dir(root+p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(root, "6.1.0-9"); got != p || err != nil {
			t.Errorf("found %q, %v, want %q", got, err, p)
		}
	}
	if _, err := Find(root, "6.1.0-10"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a module for another kernel: %v", err)
	}
}

func TestAFileIsHeldAgainstKernelAndRelease(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	api := strconv.Itoa(apiVersion)
	for _, c := range []struct {
		name string
		file File
		says string
	}{
		{"it fits", File{Release: "6.1.0-9", Version: "1", API: api, Schema: schema}, ""},
		{"another kernel", File{Release: "6.1.0-8", Version: "1", API: api, Schema: schema}, "was built for the kernel 6.1.0-8, not for 6.1.0-9"},
		{"other events", File{Release: "6.1.0-9", Version: "0.9", API: api, Schema: "old"}, "is of another version (0.9: interface " + api + ", events old; needed: " + api + ", " + schema},
		{"another interface", File{Release: "6.1.0-9", Version: "2.0", API: "9", Schema: schema}, "is of another version (2.0: interface 9, events"},
		{"somebody else's module", File{Release: "6.1.0-9"}, "is of another version"},
	} {
		err := c.file.Check("x.ko", "6.1.0-9")
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "tiercel driver build kmod")) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAFileThatIsNoModuleIsRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "a.ko")
	if err := os.WriteFile(text, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(text); err == nil || !strings.Contains(err.Error(), "is no kernel module") {
		t.Error(err)
	}
	if _, err := ReadFile(filepath.Join(dir, "a.ko.zst")); !errors.Is(err, ErrCompressed) {
		t.Error(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program.ko")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(program); err == nil || !strings.Contains(err.Error(), "no section .modinfo") {
		t.Error(err)
	}
}
