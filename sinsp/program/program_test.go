// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// build compiles conditions that are asked for every event.
func build(t testing.TB, cat *catalog, conds ...string) *program.Program {
	t.Helper()
	b := program.NewBuilder(cat)
	for _, c := range conds {
		if _, _, err := b.Add(parse(t, c), evtset.AllTypes()); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
	return b.Build()
}

func TestEqualPartsAreOneNode(t *testing.T) {
	cat := newCatalog()
	one := build(t, cat, "proc.name = a and not (fd.name startswith /etc or proc.pid > 5)").Nodes()
	for _, same := range []string{
		"not (proc.pid > 5 or fd.name startswith '/etc') and proc.name = a",
		"proc.name == \"a\" and not fd.name startswith /etc and not proc.pid > 05",
		"(not not proc.name in (a)) and proc.name = a and not (proc.pid > 5 or fd.name startswith /etc)",
		"proc.name = anyof (a, a) and not (proc.pid > 5 or (fd.name startswith /etc or fd.name startswith /etc))",
	} {
		p := build(t, cat, "proc.name = a and not (fd.name startswith /etc or proc.pid > 5)", same)
		if got := p.Nodes(); got > one+1 { // another grouping may need a node for the group
			t.Errorf("%s adds %d nodes", same, got-one)
		}
	}
}

func TestAFieldIsAskedOnceAnEvent(t *testing.T) {
	cat := newCatalog()
	cat.set(t, "proc.name", "zsh")
	var conds []string
	for i := range 200 {
		conds = append(conds, fmt.Sprintf("proc.name contains x%d or tolower(proc.name) glob y%d*", i, i))
	}
	p := build(t, cat, conds...)
	cat.asked = 0
	if got := p.Match(eventOf(t, 1), p.NewRun(), false); len(got) != 0 {
		t.Errorf("matches %v", got)
	}
	if cat.asked != 1 {
		t.Errorf("200 conditions asked %d times for one field", cat.asked)
	}
}

func TestConstantConditionsAskNothing(t *testing.T) {
	cat := newCatalog()
	cat.set(t, "proc.name", "a")
	for cond, want := range map[string]bool{
		"proc.name in ()":                                           false,
		"not proc.name in ()":                                       true,
		"proc.name = a and not proc.name = a":                       false,
		"proc.name = a or not proc.name == a":                       true,
		"fd.name exists and proc.name = oneof ()":                   false,
		"not (fd.name = x and (proc.name = a and proc.name in ()))": true,
	} {
		p := build(t, cat, cond)
		cat.asked = 0
		if got := len(p.Match(eventOf(t, 1), p.NewRun(), false)) > 0; got != want {
			t.Errorf("%s is %v", cond, got)
		}
		if cat.asked != 0 {
			t.Errorf("%s asked for a field", cond)
		}
	}
}

func TestConditionsAreAskedForTheirEventTypesOnly(t *testing.T) {
	cat := newCatalog()
	cat.set(t, "proc.name", "a")
	b := program.NewBuilder(cat)
	var two, three evtset.Types
	two.Add(2)
	three.Add(3)
	for _, types := range []evtset.Types{two, three, evtset.AllTypes(), two.Union(three), {}} {
		if _, _, err := b.Add(parse(t, "proc.name = a"), types); err != nil {
			t.Fatal(err)
		}
	}
	p := b.Build()
	run := p.NewRun()
	for typ, want := range map[scap.EventType][]int32{
		2: {0, 2, 3}, 3: {1, 2, 3}, 4: {2}, 60000: {2}, // a type that the tables lack
	} {
		if got := p.Match(eventOf(t, typ), run, false); !slices.Equal(got, want) {
			t.Errorf("type %d matches %v, want %v", typ, got, want)
		}
	}
	if got := p.Match(eventOf(t, 2), run, true); !slices.Equal(got, []int32{0}) {
		t.Errorf("the first match is %v", got)
	}
}

func TestAFailedOrSkippedConditionKeepsTheOthers(t *testing.T) {
	cat := newCatalog()
	cat.set(t, "proc.name", "a")
	b := program.NewBuilder(cat)
	add := func(cond string) (int32, error) {
		id, _, err := b.Add(parse(t, cond), evtset.AllTypes())
		return id, err
	}
	if id, err := add("proc.name = a"); id != 0 || err != nil {
		t.Fatal(id, err)
	}
	if id, err := add("proc.name = a and proc.pid = x"); id != -1 || err == nil {
		t.Fatal(id, err)
	}
	if id := b.Skip(); id != 1 {
		t.Fatal(id)
	}
	if id, err := add("proc.name startswith a"); id != 2 || err != nil {
		t.Fatal(id, err)
	}
	p := b.Build()
	if got := p.Match(eventOf(t, 1), p.NewRun(), false); !slices.Equal(got, []int32{0, 2}) || p.Len() != 3 {
		t.Errorf("%d conditions, matches %v", p.Len(), got)
	}
}

func TestValuesOfOneEventDoNotLeakIntoTheNext(t *testing.T) {
	cat := newCatalog()
	p := build(t, cat, "proc.name = a", "tolower(proc.name) = a and proc.pid > 1", "not proc.name exists")
	run := p.NewRun()
	ev := eventOf(t, 1)
	for _, c := range []struct {
		name, pid string
		want      []int32
	}{
		{"a", "5", []int32{0, 1}}, {"b", "5", nil}, {"", "", []int32{2}}, {"A", "5", []int32{1}}, {"A", "", nil},
	} {
		cat.clear()
		if c.name != "" {
			cat.set(t, "proc.name", c.name)
		}
		if c.pid != "" {
			cat.set(t, "proc.pid", c.pid)
		}
		if got := p.Match(ev, run, false); !slices.Equal(got, c.want) {
			t.Errorf("%+v: matches %v", c, got)
		}
	}
}

func TestErrorsTellTheirCause(t *testing.T) {
	_, _, err := program.Compile(newCatalog(), parse(t, "proc.name = a and proc.nme = b"))
	var e *program.Error
	var unknown *fields.UnknownFieldError
	if !errors.As(err, &e) || !errors.As(err, &unknown) {
		t.Fatalf("error %#v", err)
	}
	if e.Pos.Col != 19 || e.Msg != "filter_check called with nonexistent field proc.nme" || e.Hint != "did you mean proc.name?" {
		t.Errorf("error %+v", e)
	}
	if unknown.Name != "proc.nme" {
		t.Errorf("unknown field %q", unknown.Name)
	}
}

func TestExpr(t *testing.T) {
	cat := newCatalog()
	cat.set(t, "proc.name", "Bash")
	cat.set(t, "list.text", "(A,b)")
	for _, c := range []struct {
		text string
		typ  scap.ParamType
		list bool
		want fields.Value
		ok   bool
	}{
		{"proc.name", scap.PTCharbuf, false, fields.Value{S: "Bash"}, true},
		{"tolower(proc.name)", scap.PTCharbuf, false, fields.Value{S: "bash"}, true},
		{"len(proc.name)", scap.PTUint64, false, fields.Value{N: 4}, true},
		{"tolower(list.text)", scap.PTCharbuf, true, fields.Value{Strs: []string{"a", "b"}}, true},
		{"toupper(fd.name)", scap.PTCharbuf, false, fields.Value{}, false},
	} {
		e, err := program.CompileExpr(cat, parse(t, c.text+" exists").(*filter.Unary).Left)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		var got fields.Value
		ok := e.Eval(nil, &got)
		if ok != c.ok || got.S != c.want.S || got.N != c.want.N || !slices.Equal(got.Strs, c.want.Strs) {
			t.Errorf("%s is %+v, %v", c.text, got, ok)
		}
		if e.Type() != c.typ || e.List() != c.list {
			t.Errorf("%s has type %d, list %v", c.text, e.Type(), e.List())
		}
	}
	if _, err := program.CompileExpr(cat, parse(t, "tolower(proc.pid) exists").(*filter.Unary).Left); err == nil {
		t.Error("tolower of a number was accepted")
	}
}

func TestTheMemoSurvivesManyEvents(t *testing.T) {
	cat := newCatalog()
	p := build(t, cat, "proc.name = a and proc.pid > 1", "proc.name = a or proc.pid > 1")
	run := p.NewRun()
	program.SkipEvents(run, 1<<31-3)
	ev := eventOf(t, 1)
	for i := range 6 {
		cat.clear()
		want := 0
		if i%2 == 0 {
			cat.set(t, "proc.name", "a")
			cat.set(t, "proc.pid", "2")
			want = 2
		}
		if got := p.Match(ev, run, false); len(got) != want {
			t.Errorf("event %d matches %v", i, got)
		}
	}
}
