// SPDX-License-Identifier: Apache-2.0

package program

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Explanation tells how the conditions of a Builder are found and evaluated.
type Explanation struct {
	b     *Builder
	p     *planner
	prog  *Program
	users []int32 // by part
}

// Plan is how the conditions on some events are found.
type Plan struct {
	// Events are the names of the events; none for the conditions that are
	// asked for whatever happens. "syscall" stands for the calls that have no
	// event of their own. With Entry it is about the beginnings of calls.
	Events []string
	Entry  bool
	Group  *Group
}

// Group is a set of conditions that are asked for together.
type Group struct {
	Gate    *Step   // must hold for any of them to hold, or nil
	Always  []Asked // those that no value finds: looked at for every event that comes here
	Lookups []Lookup
	Groups  []*Group
}

// Lookup finds conditions by a value of the event.
type Lookup struct {
	Field string
	Finds []Find
}

// Find is what one key finds.
type Find struct {
	How   string // text, prefix, path, suffix, substring, number, network, range ...
	Key   string
	Rules []Asked
	Group *Group // when they are many, how they are found then; Rules is empty
}

// Asked is a condition together with what is left of it for the events of the
// plan: evaluated in that order until one does not hold.
type Asked struct {
	ID    int32
	Steps []Step
}

// Step is a part of a condition.
type Step struct {
	Text  string
	Cost  float32 // a guess, in nanoseconds, for all that it may have to ask
	Class string  // cheap, moderate or dear, by Cost
	Users int     // conditions that share it
}

// Explain plans for everything that was added, as Build does.
func (b *Builder) Explain() *Explanation {
	p := newPlanner(b)
	p.notes = map[*probe][]note{}
	e := &Explanation{b: b, p: p, prog: b.build(p)}
	e.users = make([]int32, len(b.parts))
	seen := make([]int32, len(b.parts))
	mark := map[int32]int32{}
	for id := range b.rules {
		mark[int32(id)] = int32(id) + 1
	}
	e.prog.index.groups(func(g *group) {
		for _, list := range g.entries() {
			for _, x := range list {
				p.countUsers(x.root, mark[x.id], seen, e.users)
			}
		}
	})
	return e
}

// Program returns the program that is explained.
func (e *Explanation) Program() *Program { return e.prog }

// Plans returns the plans by event, those for any event last.
func (e *Explanation) Plans() []Plan {
	var plans []Plan
	type key struct {
		g     *group
		entry bool
	}
	at := map[key]int{}
	each := func(entry bool) {
		for t, g := range e.prog.index.byType {
			typ := scap.EventType(t)
			info := typ.Info()
			if g == nil || typ.IsEnter() != entry || info.Status != scap.StatusDriver && t > 1 {
				continue
			}
			// The beginning of a call is told of where it differs from its end.
			if i, ok := at[key{g, false}]; ok && entry && slices.Contains(plans[i].Events, info.Name) {
				continue
			}
			i, ok := at[key{g, entry}]
			if !ok {
				i = len(plans)
				at[key{g, entry}] = i
				plans = append(plans, Plan{Entry: entry, Group: e.group(g)})
			}
			if !slices.Contains(plans[i].Events, info.Name) {
				plans[i].Events = append(plans[i].Events, info.Name)
			}
		}
	}
	each(false)
	each(true)
	for i := range plans {
		slices.Sort(plans[i].Events)
	}
	slices.SortStableFunc(plans, func(a, b Plan) int {
		return cmp.Or(slices.Compare(a.Events, b.Events), strings.Compare(strconv.FormatBool(a.Entry), strconv.FormatBool(b.Entry)))
	})
	if g := e.prog.index.wild; g != nil {
		plans = append(plans, Plan{Group: e.group(g)})
	}
	return plans
}

// Shared returns the parts that at least so many conditions have in common,
// the most shared first.
func (e *Explanation) Shared(least int) []Step {
	var list []Step
	for i := range e.b.parts {
		if n := &e.b.parts[i]; int(e.users[i]) >= least && n.kind != kindTrue && n.kind != kindType {
			list = append(list, e.step(refTo(i)))
		}
	}
	slices.SortStableFunc(list, func(a, b Step) int { return b.Users - a.Users })
	return list
}

func (e *Explanation) group(g *group) *Group {
	out := &Group{Always: e.asked(g.rest)}
	if g.gate != always {
		s := e.step(g.gate)
		out.Gate = &s
	}
	for _, p := range g.probes {
		l := Lookup{Field: e.valueText(p.value)}
		for _, n := range e.p.notes[p] {
			post := &p.postings[n.post]
			f := Find{How: n.atom.how.String(), Key: e.keyText(n.atom), Rules: e.asked(post.rules)}
			if post.sub != nil {
				f.Group = e.group(post.sub)
			}
			l.Finds = append(l.Finds, f)
		}
		out.Lookups = append(out.Lookups, l)
	}
	for _, s := range g.subs {
		out.Groups = append(out.Groups, e.group(s))
	}
	return out
}

func (e *Explanation) asked(list []entry) []Asked {
	var out []Asked
	for _, x := range list {
		out = append(out, Asked{x.id, e.steps(x.root)})
	}
	return out
}

// steps returns the members of the outermost "and" in the order in which they
// are asked.
func (e *Explanation) steps(r ref) []Step {
	n := &e.b.parts[r.node()]
	if n.kind != kindAnd || r.inv() {
		return []Step{e.step(r)}
	}
	var out []Step
	for _, k := range n.kids {
		out = append(out, e.step(k))
	}
	return out
}

func (e *Explanation) step(r ref) Step {
	cost := e.b.parts[r.node()].cost
	s := Step{Text: e.text(r, false), Cost: cost, Class: "cheap", Users: int(e.users[r.node()])}
	switch {
	case cost > 100:
		s.Class = "dear"
	case cost > 40:
		s.Class = "moderate"
	}
	return s
}

// text writes a part as a condition.
func (e *Explanation) text(r ref, inner bool) string {
	n := &e.b.parts[r.node()]
	switch {
	case n.kind == kindTrue && r.inv():
		return "never"
	case n.kind == kindTrue:
		return "always"
	case n.kind == kindAnd:
		sep := " and "
		if r.inv() {
			sep = " or "
		}
		var list []string
		for _, k := range n.kids {
			if r.inv() {
				k = k.not()
			}
			list = append(list, e.text(k, true))
		}
		if !inner {
			return strings.Join(list, sep)
		}
		return "(" + strings.Join(list, sep) + ")"
	}
	s := "the event is of one of its types"
	if n.src != nil {
		s = n.src.String()
	}
	if r.inv() {
		return "not " + s
	}
	return s
}

// valueText writes a field or transformer as the first check on it does.
func (e *Explanation) valueText(value int32) string {
	if s, ok := e.b.values[value].source.(*fieldSource); ok {
		return s.ref.Text
	}
	for i := range e.b.parts {
		n := &e.b.parts[i]
		if n.left != value {
			continue
		}
		switch src := n.src.(type) {
		case *filter.Unary:
			return src.Left.String()
		case *filter.Binary:
			return src.Left.String()
		}
	}
	return ""
}

func (e *Explanation) keyText(a *atom) string {
	v := &e.b.values[a.value]
	number := func(n uint64) string {
		if v.class() == classSigned {
			return strconv.FormatInt(int64(n), 10)
		}
		return strconv.FormatUint(n, 10)
	}
	switch a.how {
	case atomNum:
		return number(a.lo)
	case atomRange:
		flip := ordinal(v.class(), 0)
		lo, hi := number(a.lo^flip), number(a.hi^flip)
		if a.lo == 0 {
			lo = ""
		}
		if a.hi == math.MaxUint64 {
			hi = ""
		}
		return lo + ".." + hi
	case atomNet:
		ip, _ := netip.AddrFromSlice(unsafeBytes(a.text))
		return netip.PrefixFrom(ip, int(a.lo)).String()
	}
	if v.class() == classAddr {
		if ip, ok := netip.AddrFromSlice(unsafeBytes(a.text)); ok {
			return ip.String()
		}
	}
	return a.text
}
