// SPDX-License-Identifier: Apache-2.0

package vagrant

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promised are the distributions that the matrix of boxes has to have.
var promised = []string{
	"debian11", "debian12", "debian13", "ubuntu2004", "ubuntu2204", "ubuntu2404", "ubuntu2604",
	"rocky8", "rocky9", "rocky10", "fedora", "opensuse", "alpine", "arch",
}

func TestVagrantfileHasEveryPromisedDistribution(t *testing.T) {
	b, err := os.ReadFile("../../Vagrantfile")
	if err != nil {
		t.Fatal(err)
	}
	boxes := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+"(\w+)"\s+=> "([\w./-]+)",$`).FindAllStringSubmatch(string(b), -1) {
		boxes[m[1]] = m[2]
	}
	for _, name := range promised {
		if !strings.Contains(boxes[name], "/") {
			t.Errorf("box of %s: %q, want owner/name", name, boxes[name])
		}
	}
}

func installed(t *testing.T, program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short was given")
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s (apt-get install %s)", program, program)
	}
}

func TestVagrantfileIsRuby(t *testing.T) {
	installed(t, "ruby")
	if out, err := exec.Command("ruby", "-wc", "../../Vagrantfile").CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestVagrantTakesTheVagrantfile(t *testing.T) {
	installed(t, "vagrant")
	dir := t.TempDir()
	for from, to := range map[string]string{"../../Vagrantfile": "Vagrantfile", "guest.sh": "test/vagrant/guest.sh", "doc.go": ".vagrant-sources.tar"} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("vagrant", "validate", "--ignore-provider")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "VAGRANT_HOME="+t.TempDir(), "VAGRANT_CHECKPOINT_DISABLE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestGuestScriptIsSound(t *testing.T) {
	installed(t, "shellcheck")
	if out, err := exec.Command("shellcheck", "guest.sh").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// What cannot work is said before anything is installed.
func TestGuestScriptRefusesWhatCannotWork(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, as the script does")
	}
	for _, c := range []struct{ driver, sources, says string }{
		{"modern_bpf", "/nonexistent.tar", "== FAILED: cannot read /nonexistent.tar"},
		{"ebpf", "guest.sh", "== FAILED: driver ebpf: there are modern_bpf, kmod and bpf"},
	} {
		cmd := exec.Command("sh", "guest.sh")
		cmd.Env = append(os.Environ(), "DRIVER="+c.driver, "SOURCES="+c.sources, "NO_PACKAGES=1")
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%v: %q, want %q", err, out, c.says)
		}
	}
}
