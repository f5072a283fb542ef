// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packaging/dkms holds the same against DKMS itself.
func TestDKMSStates(t *testing.T) {
	root := t.TempDir()
	if s := DKMSStates(root, "6.1.0-9"); s != nil {
		t.Errorf("without DKMS: %v", s)
	}
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, "var/lib/dkms/tiercel", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		t.Helper()
		path := filepath.Join(root, "var/lib/dkms/tiercel", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want DKMSState, says string) {
		t.Helper()
		s := DKMSStates(root, "6.1.0-9")
		if len(s) != 1 || s[0].Version != "1.0" || s[0].State != want || !strings.Contains(s[0].Advice(), says) {
			t.Errorf("%+v, want %s", s, want)
		}
	}
	link("1.0/source", "/usr/src/tiercel-1.0")
	is(DKMSAdded, "is not built for this kernel (dkms install tiercel/1.0 -k 6.1.0-9")
	put("1.0/build/make.log", "DKMS make.log for tiercel-1.0 for kernel 6.1.0-99 (x86_64)\n")
	is(DKMSAdded, "is not built")
	put("1.0/build/make.log", "DKMS make.log for tiercel-1.0 for kernel 6.1.0-9 (x86_64)\n")
	is(DKMSFailed, "/var/lib/dkms/tiercel/1.0/build/make.log says why")
	put("1.0/6.1.0-9/x86_64/module/tiercel.ko.xz", "")
	is(DKMSBuilt, "not installed (dkms install tiercel/1.0 -k 6.1.0-9)")
	link("kernel-6.1.0-9-x86_64", "1.0/6.1.0-9/x86_64")
	is(DKMSInstalled, "installed for this kernel")
}
