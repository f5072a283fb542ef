// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheUnitsAreThoseOfTheTemplate(t *testing.T) {
	files, err := filepath.Glob("*.service")
	if err != nil || len(files) != len(Units) {
		t.Errorf("%d files for %d units: %v", len(files), len(Units), err)
	}
	for _, u := range Units {
		want, err := u.Text()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(u.Name + ".service"); err != nil || string(got) != string(want) {
			t.Errorf("%s.service is not what the template makes (%v): run make generate", u.Name, err)
		}
	}
}

// Of any two units the one ends before the other starts, and no order goes in a
// circle.
func TestEachUnitEndsTheOthers(t *testing.T) {
	for i, u := range Units {
		text, err := u.Text()
		if err != nil {
			t.Fatal(err)
		}
		for j, o := range Units {
			conflicts, after := has(text, "Conflicts=", o.Name+".service"), has(text, "After=", o.Name+".service")
			if conflicts != (i != j) || after != (j < i) {
				t.Errorf("%s and %s: conflicts %v, after %v", u.Name, o.Name, conflicts, after)
			}
		}
	}
}

func has(unit []byte, key, word string) bool {
	for line := range strings.Lines(string(unit)) {
		if rest, ok := strings.CutPrefix(line, key); ok && strings.Contains(" "+strings.TrimSpace(rest)+" ", " "+word+" ") {
			return true
		}
	}
	return false
}

// systemd itself reads the units; what it does not understand it says.
func TestSystemdUnderstandsTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed (apt-get install systemd)")
	}
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "bin"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"usr/bin/tiercel", "bin/sh"} {
		if err := os.WriteFile(filepath.Join(root, program), []byte("#!"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	units := filepath.Join(root, "usr/lib/systemd/system")
	if err := os.MkdirAll(units, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--root=" + root, "--man=no", "--recursive-errors=no"}
	for _, u := range Units {
		text, err := u.Text()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(units, u.Name+".service"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, u.Name+".service")
	}
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
