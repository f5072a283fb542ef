// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"errors"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// Whatever parses either compiles and can be evaluated, or is refused with a
// place in its text.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"proc.name = a and not fd.name pmatch (/etc)", "getopt(list.text, 'a:')[a] = b64(proc.name)",
		"join(',', (proc.pid, 'x')) regex '[a-z]+'", "fd.cnet in (10.0.0.0/8) or fd.ip != anyof (::1)",
		"list.num intersects val(list.num)", "evt.buffer bcontains 00", "proc.name glob '[a' or proc.aname[2] exists",
	} {
		f.Add(s)
	}
	cat := newCatalog()
	openEvent(f, cat)
	cat.set(f, "list.text", "(-a,b,-c)")
	cat.set(f, "list.num", "(1,2)")
	cat.set(f, "fd.ip", "(10.0.0.1,::1)")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := filter.Parse(text)
		if err != nil {
			return
		}
		c, _, err := program.Compile(cat, n)
		if err != nil {
			var e *program.Error
			if !errors.As(err, &e) || e.Pos.Offset > len(text) || e.Pos.Line < 1 {
				t.Fatalf("%q: error %#v", text, err)
			}
			return
		}
		inverted, _, err := program.Compile(cat, &filter.Not{Operand: n})
		if err != nil {
			t.Fatalf("not (%s): %v", text, err)
		}
		if c.Eval(nil) == inverted.Eval(nil) {
			t.Errorf("%q and its negation are both %v", text, c.Eval(nil))
		}
	})
}
