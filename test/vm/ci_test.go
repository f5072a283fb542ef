// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/test/vm/machine"
)

func TestScriptsAreSound(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("needs shellcheck (apt-get install shellcheck)")
	}
	scripts, err := filepath.Glob("../*/ci.sh")
	if err != nil || len(scripts) < 3 {
		t.Fatalf("%v, %v", scripts, err)
	}
	args := append([]string{"-x", "-P", "SCRIPTDIR/../..", "../needs.sh"}, scripts...)
	if out, err := exec.Command("shellcheck", args...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// bare runs a stage with these programs alone and an empty home.
func bare(t *testing.T, script string, programs []string, env ...string) (status int, said string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append(programs, "bash", "dirname", "id", "mktemp", "rm", "tail", "grep") {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", script)
	cmd.Env = append(env, "PATH="+dir, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// What the machine or the network does not have is told by the exit status that CI
// takes for a skip, and by its name in the last line.
func TestScriptsSayWhatIsLacking(t *testing.T) {
	for script, name := range map[string]string{"ci.sh": "vmtest", "../pkg/ci.sh": "pkgtest"} {
		status, said := bare(t, script, nil)
		if status != exitMissing || !strings.HasPrefix(said, name+" SKIPPED: ") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s without apt-get: %d, %s", script, status, said)
		}
	}
	status, said := bare(t, "../manifests/ci.sh", nil)
	if status != exitMissing || !strings.HasPrefix(said, "manifests SKIPPED: needs Go") {
		t.Errorf("without Go: %d, %s", status, said)
	}
	if testing.Short() {
		t.Skip("-short was given")
	}
	offline := []string{"GOPROXY=http://127.0.0.1:9", "GOTOOLCHAIN=local"}
	status, said = bare(t, "../manifests/ci.sh", []string{"go"}, offline...)
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if last := lines[len(lines)-1]; status != exitMissing || !strings.HasPrefix(last, "manifests SKIPPED: the modules of packaging/image/go.mod are neither in ") {
		t.Errorf("without a network: %d, %s", status, said)
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

func TestTheTableIsPutIntoADocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernels.md")
	text := "before\n" + tableBegin + "\n| old |\n" + tableEnd + "\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &cell{kernel: &guestKernel{Kernel: &machine.Kernel{Release: "6.1.0"}}, kind: &kinds[0], said: machine.Said{Passed: []string{"drivers", "agent"}, Done: true}}
	if err := record(path, table([]*cell{c}, "abc")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	want := "before\n" + tableBegin + "\n1 of 1 cells passed, at commit abc.\n\n| kernel | cell | outcome |\n|---|---|---|\n| 6.1.0 | modern_bpf | ok: drivers, agent |\n" + tableEnd + "\nafter\n"
	if err != nil || string(b) != want {
		t.Errorf("%v: %q, want %q", err, b, want)
	}
	if err := record("ci.sh", "x"); err == nil || !strings.Contains(err.Error(), "to put the table between") {
		t.Errorf("a document without a place: %v", err)
	}
	if b, err := os.ReadFile("../../docs/kernels.md"); err != nil || strings.Count(string(b), tableBegin) != 1 || strings.Count(string(b), tableEnd) != 1 {
		t.Errorf("docs/kernels.md has no place for the table (%v)", err)
	}
}
