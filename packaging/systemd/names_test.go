// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"testing"

	"github.com/tiercel/tiercel/agent/drivercmd"
)

// tiercel driver set looks for these names.
func TestTheNamesAreThoseOfTheCommand(t *testing.T) {
	for _, u := range Units {
		if want := drivercmd.UnitOf(u.Driver); u.Name+".service" != want {
			t.Errorf("%s.service: tiercel driver set looks for %s", u.Name, want)
		}
	}
}
