// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestScriptIsSound(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("needs shellcheck (apt-get install shellcheck)")
	}
	if out, err := exec.Command("shellcheck", "ci.sh").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// What the machine does not have is told by the exit status that CI takes for a
// skip, and by its name.
func TestScriptSaysWhatTheMachineLacks(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bash", "dirname", "id"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "ci.sh")
	cmd.Env = []string{"PATH=" + dir, "HOME=" + dir}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitMissing || !strings.Contains(string(out), "vmtest SKIPPED: ") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestKindsByNameAndGroup(t *testing.T) {
	all, err := kindsNamed(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.asked {
			t.Errorf("%s runs without being asked for", k.name)
		}
	}
	group, err := kindsNamed([]string{"provision", "kmod"})
	if err != nil || len(group) != 4 || group[3].name != "kmod" {
		t.Errorf("a group and a name: %v, %v", group, err)
	}
	if _, err := kindsNamed([]string{"ebpf"}); err == nil || !strings.Contains(err.Error(), "there are modern_bpf, kmod, bpf") {
		t.Errorf("a kind that is not there: %v", err)
	}
}
