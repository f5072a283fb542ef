// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// What debootstrap mounts when it is killed would be emptied together with its
// folder: the host's /proc, /sys and /dev among it.
func TestMountsEndWithTheProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := Command(t.Context(), "sh", "-c", "mount -t tmpfs none "+dir+" && : >"+dir+"/mounted"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "mounted")); err == nil {
		t.Error("the mount of a program that has ended is still there")
	}
}

func TestFilesAreCopiedWithTheirPermissions(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := WriteFiles(from, map[string]string{"a/b/text": "text", "a/program": "program"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(from, "a/program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(to, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{"a/b/text": 0o644, "a/program": 0o700} {
		st, err := os.Stat(filepath.Join(to, path))
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(to, "a/b/text")); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestOnlyAMachineThatFoundNothingOutIsRunAgain(t *testing.T) {
	panicked := "Kernel panic - not syncing: IO-APIC + timer doesn't work!\n"
	ended := errors.New("the machine did not come to its end")
	for _, c := range []struct {
		name, console string
		err           error
		want          bool
	}{
		{"all went well", up + "\n@@DONE\n", nil, false},
		{"silence", "", machine.ErrSilent, true},
		{"a panic before the first process", panicked, ended, true},
		{"a panic while it is tested", up + "\n" + panicked, ended, false},
		{"QEMU crashed", up + "\n@@OK one\n", ended, true},
		{"its time was over", up + "\n@@OK one\n", machine.ErrTime, false},
	} {
		said := machine.ParseConsole(c.console)
		if got := Lost(&said, c.err); got != c.want {
			t.Errorf("%s: run again %v, want %v", c.name, got, c.want)
		}
	}
}
