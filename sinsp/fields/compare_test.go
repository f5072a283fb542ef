// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// literals of all kinds, most of which a given field does not take.
var literals = []string{
	"", "a", "cat", "/home/alice/notes.txt", "*", "[a-z]*", "[", `a\`, "0", "1", "-1", "443", "0x1F", "1.5", "18446744073709551616", "https",
	"true", "false", "10.0.0.1", "::1", "10.0.0.0/8", "::/1", "6869", "6", "\x00", "é",
}

// law compiles conditions for one reference.
type law struct {
	t   *testing.T
	ref *fields.Ref
}

// holds is what the condition says of the event; ok is false when it does not
// compile, which takes a reason and a place.
func (l law) holds(ev *state.Event, cond string) (yes, ok bool) {
	l.t.Helper()
	n, err := filter.Parse(cond)
	if err != nil {
		return false, false // such as < with what is no number
	}
	c, _, err := program.Compile(fields.Default(), n)
	if err != nil {
		var pe *program.Error
		if !errors.As(err, &pe) || pe.Msg == "" || pe.Pos.Offset > len(cond) {
			l.t.Errorf("%s: error %#v", cond, err)
		}
		return false, false
	}
	ev.Arena = ev.Arena[:0]
	return c.Eval(ev), true
}

// check checks what must hold for any value v.
func (l law) check(ev *state.Event, v string, exists bool) {
	x, lit := l.ref.Text, (&filter.Value{Text: v}).String()
	eq, ok := l.holds(ev, x+" = "+lit)
	if ok {
		same := func(cond string) {
			if got, ok := l.holds(ev, cond); !ok || got != eq {
				l.t.Errorf("%s is %v (compiles %v), but %s = %s is %v", cond, got, ok, x, lit, eq)
			}
		}
		same(x + " == " + lit)
		if !l.ref.Field.Within {
			same(x + " in (" + lit + ")")
			same(x + " intersects (" + lit + ", " + lit + ")")
			same(x + " = anyof (" + lit + ")")
			same(x + " = allof (" + lit + ")")
			same(x + " = oneof (" + lit + ")")
			l.inequality(ev, lit, eq, exists)
		}
	}
	for _, op := range filter.Operators() {
		if op == "exists" {
			continue
		}
		cond := x + " " + op + " " + lit
		if op == "in" || op == "intersects" || op == "pmatch" {
			cond = x + " " + op + " (" + lit + ", " + lit + ")"
		}
		yes, ok := l.holds(ev, cond)
		if !ok {
			continue
		}
		if yes && !exists {
			l.t.Errorf("%s holds without a value", cond)
		}
		if not, _ := l.holds(ev, "not "+cond); not == yes {
			l.t.Errorf("%s and its negation are both %v", cond, yes)
		}
	}
}

func (l law) inequality(ev *state.Event, lit string, eq, exists bool) {
	x := l.ref.Text
	ne, ok := l.holds(ev, x+" != "+lit)
	if !ok || l.ref.Multi() {
		return
	}
	if ne != (exists && !eq) {
		l.t.Errorf("%s != %s is %v, = is %v, exists is %v", x, lit, ne, eq, exists)
	}
	if all, ok := l.holds(ev, x+" != allof ("+lit+")"); !ok || all != ne {
		l.t.Errorf("%s != allof (%s) is %v, != is %v", x, lit, all, ne)
	}
	lt, ok := l.holds(ev, x+" < "+lit)
	gt, _ := l.holds(ev, x+" > "+lit)
	le, _ := l.holds(ev, x+" <= "+lit)
	ge, _ := l.holds(ev, x+" >= "+lit)
	if ok && exists && (lt == ge || gt == le || lt && gt || eq != (le && ge)) {
		l.t.Errorf("%s and %s: < %v, <= %v, = %v, >= %v, > %v", x, lit, lt, le, eq, ge, gt)
	}
}

// TestEveryFieldCanBeCompared: each field with each operator and literals of
// all kinds compiles or is refused with a reason, and what holds together in
// logic holds together here. A field with a value equals its own text.
func TestEveryFieldCanBeCompared(t *testing.T) {
	refs := allRefs(t)
	all := sights()
	for i, ref := range refs {
		if ref.Field.OutputOnly || ref.Field.Name == "util.cnt" { // which changes with each question
			continue
		}
		l := law{t, ref}
		s := all[i%len(all)]
		ev := run(t, s.events...)
		text := textOf(ev, ref)
		exists, ok := l.holds(ev, ref.Text+" exists")
		if !ok || exists != (text != none) {
			t.Errorf("%s when %s: exists is %v, text is %s", ref.Text, s.what, exists, text)
		}
		// A part of them each, so that neighbours in the table share the work.
		for j := i % 5; j < len(literals); j += 5 {
			l.check(ev, literals[j], exists)
		}
	}
	for _, s := range all {
		ev := run(t, s.events...)
		for _, ref := range refs {
			if text := textOf(ev, ref); text != none && !ref.Field.OutputOnly {
				law{t, ref}.equalsItself(ev, text)
			}
		}
	}
}

// equalsItself checks that a value equals what is printed of it, where that is
// how it is written in conditions.
func (l law) equalsItself(ev *state.Event, text string) {
	x := l.ref.Text
	switch {
	case l.ref.List, l.ref.Field.Within, l.ref.Field.Name == "util.cnt":
		return
	case l.ref.Format == scap.PFHex || l.ref.Format == scap.PFOct || l.ref.Type == scap.PTDouble || l.ref.Type == scap.PTBytebuf:
		return // printed otherwise than written
	case l.ref.Type == scap.PTIPNet && strings.Contains(text, "."):
		text += "/32"
	case l.ref.Multi() && l.ref.Field.Class == "process":
		return // prints all values in one
	}
	lit := (&filter.Value{Text: text}).String()
	yes, ok := l.holds(ev, fmt.Sprintf("%s = %s", x, lit))
	if ok && !yes {
		l.t.Errorf("%s is not equal to its own text %s", x, lit)
	}
	if !ok && l.ref.Type != scap.PTDyn && l.ref.Field.Name != "evt.rawarg" {
		l.t.Errorf("%s cannot be compared with its own text %s", x, lit)
	}
}
