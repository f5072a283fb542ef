// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/drivers/schema"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

// The documentation must tell the sets that the agent uses.
func TestNamedSetsAreThoseOfTheModel(t *testing.T) {
	want := map[string]scap.SyscallSet{
		"state":            sinsp.StateSet(sinsp.Current),
		"io":               sinsp.IOSet(),
		"io_other":         sinsp.IOOtherSet(sinsp.Current),
		"file":             sinsp.FileSet(sinsp.Current),
		"net":              sinsp.NetSet(),
		"proc":             sinsp.ProcSet(sinsp.Current),
		"sys":              sinsp.SysSet(sinsp.Current),
		"default_excluded": sinsp.DefaultExcluded(sinsp.Current),
		"repair_always":    sinsp.RepairAlways(),
	}
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range schema.NamedSets {
		var got, model []string
		for _, c := range s.Calls {
			if set.Has(s, c) {
				got = append(got, c.Name)
			}
			if want[set.Name].Has(scap.SC(c.Code)) {
				model = append(model, c.Name)
			}
		}
		if len(model) == 0 {
			t.Errorf("the model has no set %s, or an empty one", set.Name)
		}
		if diff := cmp.Diff(model, got); diff != "" {
			t.Errorf("%s (-model +schema):\n%s", set.Name, diff)
		}
		delete(want, set.Name)
	}
	for name := range want {
		t.Errorf("set %s is not in the schema", name)
	}
}
