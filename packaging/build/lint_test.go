// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"testing"
)

// The deb of arm64 comes out of the same recipe, and lintian takes its time. The rpm is not given to rpmlint here: it unpacks with plain cpio, and the names in an
// rpm of nfpm are absolute, so that it would install the package on the host.
func TestLintianFindsNothing(t *testing.T) {
	if _, err := exec.LookPath("lintian"); err != nil {
		t.Skip("needs lintian")
	}
	for _, name := range []string{"tiercel_" + pkgVersion + "-1_amd64.deb", "tiercel-dkms_" + pkgVersion + "-1_all.deb"} {
		out, err := exec.Command("lintian", "--no-cfg", "--fail-on", "error,warning", built(t, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
