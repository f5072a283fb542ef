// SPDX-License-Identifier: Apache-2.0

package output

import (
	"testing"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
)

func TestTheKeyOfDuplicatesIsAnOutputFormat(t *testing.T) {
	if KeyFormat(nil) != "" {
		t.Error("without fields there is one")
	}
	text := KeyFormat([]string{"proc.name", "fd.name", "proc.aname[2]"})
	f, err := format.CompileOutput(fields.Default(), text)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Names()) != 3 {
		t.Errorf("%q has the fields %q", text, f.Names())
	}
}
