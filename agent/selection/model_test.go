// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// A second selection, written down from the reference's tables alone: names and
// sets are those of the files, the steps those of its description. It shares
// nothing with the package but the names of the settings.
type model struct {
	name   map[int]string // of a call that has no event of its own
	byName map[string]int
	events map[int][]string // names of the events that carry a call
	calls  map[string]set   // calls of an event's name
	sets   map[string]set
	all    set
}

type set map[int]bool

func (s set) or(t set) set {
	r := maps.Clone(s)
	maps.Copy(r, t)
	return r
}

func (s set) minus(t set) set {
	r := set{}
	for c := range s {
		if !t[c] {
			r[c] = true
		}
	}
	return r
}

func (s set) meets(t set) bool { return len(s.minus(t)) < len(s) }

func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../../shared/reference/" + name)
	if err != nil {
		t.Skipf("reference table absent: %v", err)
	}
	var rows []map[string]string
	var columns []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if columns == nil {
			columns = cells
			continue
		}
		row := map[string]string{}
		for i, c := range cells {
			row[columns[i]] = c
		}
		rows = append(rows, row)
	}
	return rows
}

func readModel(t *testing.T) *model {
	m := &model{map[int]string{}, map[string]int{}, map[int][]string{}, map[string]set{}, map[string]set{}, set{}}
	event := map[string]string{}
	for _, r := range table(t, "events.tsv") {
		event[r["code"]] = r["name"]
	}
	for _, r := range table(t, "syscalls.tsv") {
		code, err := strconv.Atoi(r["sc_code"])
		if err != nil || code == 0 || r["sc_name"] == "" {
			continue
		}
		m.all[code], m.name[code], m.byName[r["sc_name"]] = true, r["sc_name"], code
		for e := range strings.SplitSeq(r["all_events"], ",") {
			if name := event[e]; e != "0" && e != "1" && name != "" {
				m.events[code] = append(m.events[code], name)
				if m.calls[name] == nil {
					m.calls[name] = set{}
				}
				m.calls[name][code] = true
			}
		}
	}
	for _, r := range table(t, "sets.tsv") {
		if r["version"] != "current" || r["arch"] == "aarch64" {
			continue
		}
		code, err := strconv.Atoi(r["sc_code"])
		if err != nil {
			t.Fatal(err)
		}
		if m.sets[r["set"]] == nil {
			m.sets[r["set"]] = set{}
		}
		m.sets[r["set"]][code] = true
	}
	return m
}

func (m *model) parse(names ...string) set {
	s := set{}
	for _, n := range names {
		if calls, ok := m.calls[n]; ok {
			s = s.or(calls)
		} else if code, ok := m.byName[n]; ok && m.events[code] == nil {
			s[code] = true
		}
	}
	return s
}

func (m *model) names(s set) []string {
	names := map[string]bool{}
	for code := range s {
		if m.events[code] == nil {
			names[m.name[code]] = true
		}
		for _, e := range m.events[code] {
			names[e] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (m *model) repair(s set) set {
	r := s.or(m.sets["repair_always"])
	for need, when := range map[string]set{
		"repair_if_any_net":                      m.sets["net"],
		"repair_if_any_of_accept_accept4_listen": {m.byName["accept"]: true, m.byName["accept4"]: true, m.byName["listen"]: true},
		"repair_if_any_file_io_or_io_other":      m.sets["file"].or(m.sets["io"]).or(m.sets["io_other"]),
	} {
		if s.meets(when) {
			r = r.or(m.sets[need])
		}
	}
	return r
}

// outcome is what both selections are compared by.
type outcome struct {
	Rules, Selected, Unsupported, BadPositive, BadNegative []string
}

func (m *model) compute(rules set, custom []string, repair, all bool) outcome {
	var positive, negative []string
	for _, n := range custom {
		if strings.HasPrefix(n, "!") {
			negative = append(negative, n[1:])
		} else if n != "" {
			positive = append(positive, n)
		}
	}
	p, n := m.parse(positive...), m.parse(negative...)
	base := p
	if len(p) == 0 {
		base = m.sets["state"]
	}
	sel := rules.or(base)
	if repair && len(p) == 0 {
		sel = m.repair(rules)
	}
	sel = sel.minus(n)
	if !all {
		sel = sel.minus(m.sets["default_excluded"])
	}
	if repair && len(custom) > 0 {
		sel = m.repair(sel)
	}
	sel = sel.or(set{m.byName["sched_process_exit"]: true})
	missing := func(asked []string, s set) []string {
		back := m.names(s)
		var out []string
		for _, a := range asked {
			if !slices.Contains(back, a) {
				out = append(out, a)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return outcome{m.names(rules), m.names(sel), m.names(rules.minus(sel)), missing(positive, p), missing(negative, n)}
}

// condition makes a condition and the calls that it asks for.
func (m *model) condition(rnd *rand.Rand, names []string) (string, set) {
	some := func(most int) []string {
		out := make([]string, 1+rnd.IntN(most))
		for i := range out {
			out[i] = names[rnd.IntN(len(names))]
		}
		return out
	}
	switch k := rnd.IntN(20); {
	case k == 0:
		return "proc.name = x", m.all
	case k == 1:
		return "evt.num = 0", set{}
	case k == 2:
		n := some(1)
		return "evt.type != " + n[0], m.all.minus(m.parse(n...))
	case k < 6:
		n := some(6)
		return "not evt.type in (" + strings.Join(n, ", ") + ")", m.all.minus(m.parse(n...))
	case k < 9:
		a, b := some(3), some(3)
		return fmt.Sprintf("proc.name = x and (evt.type in (%s) or evt.type in (%s) and fd.num = 1)", strings.Join(a, ","), strings.Join(b, ",")),
			m.parse(append(a, b...)...)
	}
	n := some(8)
	return "evt.type in (" + strings.Join(n, ", ") + ")", m.parse(n...)
}

func TestSelectionAgreesWithAModelMadeOfTheReferenceTables(t *testing.T) {
	m, rnd := readModel(t), rand.New(rand.NewPCG(1, 2))
	pool := append(slices.Sorted(maps.Keys(m.byName)), slices.Sorted(maps.Keys(m.calls))...)
	var valid []string
	for _, n := range pool {
		if len(m.parse(n)) > 0 {
			valid = append(valid, n)
		}
	}
	pool = append(pool, "bogus", "OPEN", "", "container")
	for range 1000 {
		in, rules := Input{Repair: rnd.IntN(2) == 0, All: rnd.IntN(2) == 0}, set{}
		var conditions []string
		for range rnd.IntN(4) {
			text, calls := m.condition(rnd, valid)
			tree, err := filter.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			a, err := evtset.Analyze(tree)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			in.Rules, rules, conditions = append(in.Rules, Rule{Name: text, Syscalls: a.Syscalls}), rules.or(calls), append(conditions, text)
		}
		onlyNegative := rnd.IntN(3) == 0
		for range rnd.IntN(6) {
			name := pool[rnd.IntN(len(pool))]
			if onlyNegative || rnd.IntN(2) == 0 {
				name = "!" + name
			}
			in.CustomSet = append(in.CustomSet, name)
		}
		r := Compute(in)
		got := outcome{r.Rules.Names(), r.Selection.Exit.Names(), r.Unsupported.Names(), r.InvalidPositive, r.InvalidNegative}
		slices.Sort(got.BadPositive)
		slices.Sort(got.BadNegative)
		got.BadPositive, got.BadNegative = slices.Compact(got.BadPositive), slices.Compact(got.BadNegative)
		want := m.compute(rules, in.CustomSet, in.Repair, in.All)
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b []string) bool { return slices.Equal(a, b) })); d != "" {
			t.Fatalf("rules %q\nset %q repair %v all %v\n(-model +got)\n%s", conditions, in.CustomSet, in.Repair, in.All, d)
		}
	}
}
