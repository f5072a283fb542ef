// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestLintianFindsNothing(t *testing.T) {
	if _, err := exec.LookPath("lintian"); err != nil {
		t.Skip("needs lintian")
	}
	for _, name := range []string{"tiercel_" + pkgVersion + "-1_amd64.deb", "tiercel_" + pkgVersion + "-1_arm64.deb", "tiercel-dkms_" + pkgVersion + "-1_all.deb"} {
		out, err := exec.Command("lintian", "--no-cfg", "--fail-on", "error,warning", built(t, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// sensible are errors of rpmlint that are meant so: packages are signed by who
// distributes them, and it takes a static binary of Go for none.
var sensible = []string{"no-signature", "no-binary"}

func TestRPMLintFindsNoErrors(t *testing.T) {
	if _, err := exec.LookPath("rpmlint"); err != nil {
		t.Skip("needs rpmlint")
	}
	out, err := exec.Command("rpmlint", built(t, "tiercel-"+pkgVersion+"-1.x86_64.rpm"), built(t, "tiercel-dkms-"+pkgVersion+"-1.noarch.rpm")).CombinedOutput()
	if !strings.Contains(string(out), "2 packages and 0 specfiles checked") {
		t.Fatalf("rpmlint: %v\n%s", err, out)
	}
next:
	for _, line := range lines(string(out)) {
		if !strings.Contains(line, ": E: ") {
			continue
		}
		for _, s := range sensible {
			if strings.Contains(line, ": E: "+s) {
				continue next
			}
		}
		t.Error(line)
	}
}
