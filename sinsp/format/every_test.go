// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"encoding/json"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/state"
)

// spellings are a field's name without and with an argument, as it takes them.
func spellings(f *fields.Field) []string {
	args := map[string]string{"evt.arg": ".name", "evt.rawarg": ".flags", "evt.type.is": ".open", "evt.abspath": ".src", "evt.around": "[1]"}
	var all []string
	if f.Arg != fields.ArgRequired {
		all = append(all, f.Name)
	}
	switch arg := args[f.Name]; {
	case f.Arg == fields.ArgNone:
	case arg != "":
		all = append(all, f.Name+arg)
	case f.ArgIndex:
		all = append(all, f.Name+"[1]")
	case f.ArgDot:
		all = append(all, f.Name+".cpu")
	default:
		all = append(all, f.Name+"[KEY]")
	}
	return all
}

// TestEveryFieldCanBePrinted: as text, which is never empty-handed, and as JSON
// of the type that tools expect.
func TestEveryFieldCanBePrinted(t *testing.T) {
	e := inContainer(t)
	answer(e)
	n := 0
	for _, c := range fields.Default().Classes() {
		for _, f := range c.Fields {
			for _, name := range spellings(f) {
				n++
				p, err := format.CompileOutput(fields.Default(), "<%"+name+">")
				if err != nil {
					t.Errorf("%s: %v (%v)", name, err, err.(*format.Error).Err)
					continue
				}
				ev := opened(e, "/etc/x")
				text, ok := p.AppendText(nil, ev)
				if !ok || len(text) < 2 || text[0] != '<' || text[len(text)-1] != '>' {
					t.Errorf("%s prints %q, %v", name, text, ok)
				}
				checkJSON(t, name, p, ev)
			}
		}
	}
	if n < 280 {
		t.Errorf("only %d fields", n)
	}
}

func checkJSON(t *testing.T, name string, p *format.Format, ev *state.Event) {
	t.Helper()
	var object map[string]any
	text := p.AppendFields(nil, ev)
	if err := json.Unmarshal(text, &object); err != nil || len(object) != 1 {
		t.Errorf("%s gives %s (%v)", name, text, err)
		return
	}
	ref, _, err := fields.ResolvePrefix(fields.Default(), name)
	if err != nil {
		t.Fatal(err)
	}
	v, ok := object[ref.Text]
	if !ok {
		t.Errorf("%s has no key %s in %s", name, ref.Text, text)
	}
	one := func(v any) {
		good := false
		switch v.(type) {
		case bool:
			good = ref.Type == scap.PTBool
		case float64:
			good = ref.Type == scap.PTDouble || !fields.IsText(ref.Type) && ref.Type != scap.PTBool &&
				ref.Format != scap.PFHex && ref.Format != scap.PFOct && ref.Format != scap.PF10PaddedDec
		case string:
			good = fields.IsText(ref.Type) || ref.Format == scap.PFHex || ref.Format == scap.PFOct || ref.Format == scap.PF10PaddedDec
		}
		if !good {
			t.Errorf("%s is a %T in JSON: %s", name, v, text)
		}
	}
	switch v := v.(type) {
	case nil:
	case []any:
		if !ref.List {
			t.Errorf("%s is an array: %s", name, text)
		}
		for _, el := range v {
			one(el)
		}
	default:
		if ref.List {
			t.Errorf("%s is no array: %s", name, text)
		}
		one(v)
	}
}
