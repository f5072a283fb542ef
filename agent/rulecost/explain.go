// SPDX-License-Identifier: Apache-2.0

package rulecost

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/program"
)

// ExplainOptions choose what Explain tells.
type ExplainOptions struct {
	Events []string // names of events; none: all
	Rules  []string // parts of names of rules, whatever their case; none: all
	JSON   bool
}

// plan is everything that Explain tells.
type plan struct {
	Rules  int         `json:"rules"` // on system calls, enabled
	Parts  int         `json:"distinct_parts"`
	Bytes  int         `json:"program_bytes"`
	Events []eventPlan `json:"events"`
	Routes []ruleRoute `json:"routes"`
	Shared []check     `json:"shared_checks,omitempty"` // without filters
}

// eventPlan is how the rules on some events are found.
type eventPlan struct {
	Events  []string    `json:"events,omitempty"` // none: any event
	Entry   bool        `json:"entry,omitempty"`
	Rules   int         `json:"rules"`
	Groups  []groupPlan `json:"groups"`
	members map[int32]bool
}

// groupPlan is a set of rules behind the same checks and keys.
type groupPlan struct {
	OnlyIf  []string     `json:"only_if,omitempty"`
	Always  []string     `json:"rules_always_looked_at,omitempty"`
	Lookups []lookupPlan `json:"lookups,omitempty"`
}

// lookupPlan is how a value of the event finds rules.
type lookupPlan struct {
	Field string         `json:"field"`
	Keys  map[string]int `json:"keys"` // number of them, by kind
	Rules int            `json:"rules"`
}

// ruleRoute is how one rule is reached and evaluated for some events.
type ruleRoute struct {
	Rule   string   `json:"rule"`
	Events []string `json:"events,omitempty"`
	Entry  bool     `json:"entry,omitempty"`
	OnlyIf []string `json:"only_if,omitempty"`
	Keys   []key    `json:"found_by,omitempty"` // none: looked at for every event that comes so far
	Checks []check  `json:"checks"`
	id     int32
}

// key is a value that leads to a rule.
type key struct {
	Field string `json:"field"`
	How   string `json:"how"`
	Key   string `json:"key"`
}

// check is a part of a condition, in the order of evaluation.
type check struct {
	Text   string  `json:"text"`
	Class  string  `json:"cost"` // cheap, moderate or dear
	Nanos  float32 `json:"estimated_ns"`
	Shared int     `json:"rules"` // that have it
}

// Explain tells on w how the enabled rules of set are found and evaluated.
func Explain(w io.Writer, set *rules.Ruleset, opts ExplainOptions) error {
	e, list, err := set.Explain()
	if err != nil {
		return err
	}
	if err := checkFilters(e, list, &opts); err != nil {
		return err
	}
	p := newPlan(e, list, &opts)
	if !opts.JSON {
		return p.write(w)
	}
	doc, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", doc)
	return err
}

// checkFilters refuses filters that choose nothing: they are misspelt.
func checkFilters(e *program.Explanation, list []*rules.Rule, opts *ExplainOptions) error {
	for _, part := range opts.Rules {
		if !slices.ContainsFunc(list, func(r *rules.Rule) bool { return contains(r.Name, part) }) {
			return fmt.Errorf("no enabled rule on system calls has %q in its name", part)
		}
	}
	plans := e.Plans()
	for _, name := range opts.Events {
		if !slices.ContainsFunc(plans, func(p program.Plan) bool { return p.Events == nil || slices.Contains(p.Events, name) }) {
			return fmt.Errorf("no enabled rule asks for the event %q", name)
		}
	}
	return nil
}

func contains(name, part string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(part))
}

// maxShared is how many of the shared checks are told.
const maxShared = 25

func newPlan(e *program.Explanation, list []*rules.Rule, opts *ExplainOptions) *plan {
	p := &plan{Rules: len(list), Parts: e.Program().Nodes(), Bytes: e.Program().Bytes()}
	for _, s := range e.Shared(2) {
		if len(p.Shared) < maxShared && len(opts.Events)+len(opts.Rules) == 0 {
			p.Shared = append(p.Shared, newCheck(s))
		}
	}
	c := collector{list: list, opts: opts}
	for _, ep := range e.Plans() {
		if len(opts.Events) > 0 && ep.Events != nil && !overlap(ep.Events, opts.Events) {
			continue
		}
		c.event = eventPlan{Events: ep.Events, Entry: ep.Entry, members: map[int32]bool{}}
		c.routes = nil
		c.group(ep.Group, nil, nil)
		if len(c.routes) == 0 {
			continue
		}
		c.event.Rules = len(c.event.members)
		p.Events = append(p.Events, c.event)
		slices.SortStableFunc(c.routes, func(a, b ruleRoute) int { return int(a.id - b.id) })
		for _, r := range c.routes {
			p.add(r)
		}
	}
	slices.SortStableFunc(p.Routes, func(a, b ruleRoute) int { return int(a.id - b.id) })
	return p
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// add puts a route to the others. Keys of the same rule behind the same checks
// are one route.
func (p *plan) add(r ruleRoute) {
	if n := len(p.Routes); n > 0 && p.Routes[n-1].id == r.id && slices.Equal(p.Routes[n-1].OnlyIf, r.OnlyIf) &&
		slices.Equal(p.Routes[n-1].Events, r.Events) && p.Routes[n-1].Entry == r.Entry {
		p.Routes[n-1].Keys = append(p.Routes[n-1].Keys, r.Keys...)
		return
	}
	p.Routes = append(p.Routes, r)
}

// collector walks over a plan.
type collector struct {
	list   []*rules.Rule
	opts   *ExplainOptions
	event  eventPlan
	routes []ruleRoute
}

// group notes a group and those inside of it. onlyIf is what holds for events
// that come there.
func (c *collector) group(g *program.Group, onlyIf []string, keys []key) {
	if g.Gate != nil {
		onlyIf = append(slices.Clip(onlyIf), g.Gate.Text)
	}
	at := len(c.event.Groups)
	gp := groupPlan{OnlyIf: onlyIf}
	for _, k := range keys {
		gp.OnlyIf = append(slices.Clip(gp.OnlyIf), k.String())
	}
	c.event.Groups = append(c.event.Groups, gp)
	for _, a := range g.Always {
		if c.route(a, onlyIf, keys) {
			gp.Always = append(gp.Always, c.list[a.ID].Name)
		}
	}
	for _, l := range g.Lookups {
		lp := lookupPlan{Field: l.Field, Keys: map[string]int{}}
		found := map[int32]bool{}
		for _, f := range l.Finds {
			way := append(slices.Clip(keys), key{l.Field, f.How, f.Key})
			some := false
			for _, a := range f.Rules {
				if c.route(a, onlyIf, way) {
					found[a.ID], some = true, true
				}
			}
			if f.Group != nil {
				before := len(c.routes)
				c.group(f.Group, onlyIf, way)
				for _, r := range c.routes[before:] {
					found[r.id], some = true, true
				}
			}
			if some {
				lp.Keys[f.How]++
			}
		}
		if lp.Rules = len(found); lp.Rules > 0 {
			gp.Lookups = append(gp.Lookups, lp)
		}
	}
	if len(gp.Always)+len(gp.Lookups) > 0 {
		c.event.Groups[at] = gp
	} else {
		c.event.Groups = slices.Delete(c.event.Groups, at, at+1)
	}
	for _, s := range g.Groups {
		c.group(s, onlyIf, keys)
	}
}

// route notes how a rule is reached, if it is wanted.
func (c *collector) route(a program.Asked, onlyIf []string, keys []key) bool {
	name := c.list[a.ID].Name
	if len(c.opts.Rules) > 0 && !slices.ContainsFunc(c.opts.Rules, func(part string) bool { return contains(name, part) }) {
		return false
	}
	c.event.members[a.ID] = true
	r := ruleRoute{Rule: name, Events: c.event.Events, Entry: c.event.Entry, OnlyIf: onlyIf, Keys: keys, id: a.ID}
	for _, s := range a.Steps {
		r.Checks = append(r.Checks, newCheck(s))
	}
	c.routes = append(c.routes, r)
	return true
}

func newCheck(s program.Step) check { return check{s.Text, s.Class, s.Cost, s.Users} }

// String writes a key as a condition would.
func (k key) String() string {
	switch k.How {
	case "text", "number":
		return k.Field + " = " + k.Key
	case "prefix", "path":
		return k.Field + " startswith " + k.Key
	case "suffix":
		return k.Field + " endswith " + k.Key
	case "substring":
		return k.Field + " contains " + k.Key
	case "substring ignoring case":
		return k.Field + " icontains " + k.Key
	}
	return k.Field + " in " + k.Key
}
