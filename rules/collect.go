// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// SourceSyscall is the event source of rules that name none.
const SourceSyscall = "syscall"

// listDef is a list as collected.
type listDef struct {
	name        string
	items       []string
	at          *place
	first, last int // when it was first defined and last changed
}

// macroDef is a macro as collected.
type macroDef struct {
	name, cond  string
	at, condAt  *place
	first, last int
}

// exEntry is a text or a list of entries of an exception.
type exEntry struct {
	list  bool
	text  string
	items []exEntry
}

// given reports whether there is anything: an empty list or text is as good
// as an absent one.
func (e *exEntry) given() bool { return e.text != "" || len(e.items) > 0 }

// exception is one exception of a rule.
type exception struct {
	name          string
	fields, comps exEntry
	values        []exEntry
	at            *place
}

// ruleDef is a rule as collected.
type ruleDef struct {
	name, cond, output, desc, source string
	priority                         Priority
	tags                             []string // sorted, each once
	enabled, warnTypes, skipUnknown  bool
	capture                          bool
	captureMS                        uint32
	exceptions                       []exception
	unknownSource                    bool
	at, condAt, outAt                *place
}

func (d *ruleDef) addTags(tags []string) {
	d.tags = append(d.tags, tags...)
	slices.Sort(d.tags)
	d.tags = slices.Compact(d.tags)
}

// ruleUpdate is what an item appends to a rule or replaces in it; nil members
// stay as they are.
type ruleUpdate struct {
	name, source                    string
	cond, output, desc              *string
	tags                            []string
	hasTags                         bool
	exceptions                      []exception
	hasExceptions                   bool
	priority                        *Priority
	enabled, warnTypes, skipUnknown *bool
	capture                         *bool
	captureMS                       *uint32
	at, condAt, outAt               *place
}

// collector holds the definitions of all files read so far, in the order in
// which each name first appeared.
type collector struct {
	lists   []*listDef
	macros  []*macroDef
	rules   []*ruleDef
	byList  map[string]*listDef
	byMacro map[string]*macroDef
	byRule  map[string]*ruleDef
	clock   int // counts definitions
	engine  version
	plugins []PluginRequirement
	sources []string
	catalog fields.Catalog
	work    int // spent on appending, see spend
}

// maxAppendWork bounds what appending may cost: each time the whole of what is
// appended to is copied or looked through, so a small file could take for ever.
const maxAppendWork = 1 << 31

// spend counts n bytes of work.
func (c *collector) spend(n int, at *place) *fault {
	if c.work += n; c.work > maxAppendWork {
		return &fault{code: ErrValidate, at: at, msg: "Too much is appended, again and again"}
	}
	return nil
}

func newCollector(sources []string, catalog fields.Catalog) *collector {
	return &collector{
		byList:  map[string]*listDef{},
		byMacro: map[string]*macroDef{},
		byRule:  map[string]*ruleDef{},
		sources: sources,
		catalog: catalog,
	}
}

func (c *collector) tick() int {
	c.clock++
	return c.clock
}

func (c *collector) rule(name string) *ruleDef { return c.byRule[name] }

func (c *collector) requireEngine(v version) {
	if c.engine.less(v) {
		c.engine = v
	}
}

func (c *collector) requirePlugin(p PluginRequirement) { c.plugins = append(c.plugins, p) }

func (c *collector) defineList(d *listDef) {
	d.first = c.tick()
	d.last = d.first
	if old := c.byList[d.name]; old != nil {
		d.first = old.first
		*old = *d
		return
	}
	c.byList[d.name] = d
	c.lists = append(c.lists, d)
}

func (c *collector) appendList(d *listDef) *fault {
	old := c.byList[d.name]
	if old == nil {
		return c.missing(d.at, "List uses 'append' or 'override.items: append' but no list by that name already exists",
			nearest(d.name, names(c.lists, func(l *listDef) string { return l.name })))
	}
	old.items = append(old.items, d.items...)
	old.last = c.tick()
	return nil
}

func (c *collector) defineMacro(d *macroDef) {
	d.first = c.tick()
	d.last = d.first
	if old := c.byMacro[d.name]; old != nil {
		d.first = old.first
		*old = *d
		return
	}
	c.byMacro[d.name] = d
	c.macros = append(c.macros, d)
}

func (c *collector) appendMacro(d *macroDef) *fault {
	old := c.byMacro[d.name]
	if old == nil {
		return c.missing(d.at,
			"Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
			nearest(d.name, c.macroNames()))
	}
	old.cond += " " + d.cond
	old.last = c.tick()
	return c.spend(len(old.cond), d.at)
}

func (c *collector) macroNames() []string {
	return names(c.macros, func(m *macroDef) string { return m.name })
}

func (c *collector) ruleNames() []string {
	return names(c.rules, func(r *ruleDef) string { return r.name })
}

func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = name(e)
	}
	return out
}

// missing is the fault of an item that changes what does not exist.
func (c *collector) missing(at *place, msg, meant string) *fault {
	f := &fault{code: ErrValidate, msg: msg, at: at}
	if meant != "" {
		f.hint = didYouMean(meant)
	}
	return f
}

func (c *collector) defineRule(r *reader, d *ruleDef) *fault {
	old := c.byRule[d.name]
	if old != nil && old.source != d.source {
		return otherSource(d.at)
	}
	if !slices.Contains(c.sources, d.source) {
		d.unknownSource = true
		r.warn(WarnUnknownSource, d.at, "Unknown source %s, skipping", d.source)
	}
	for i := range d.exceptions {
		if ex := &d.exceptions[i]; !ex.fields.given() {
			return &fault{code: ErrValidate, at: ex.at,
				msg: "Rule exception item must have fields property with a list of fields"}
		}
		if f := c.checkException(&d.exceptions[i], d.unknownSource); f != nil {
			return f
		}
	}
	if old != nil {
		*old = *d
		return nil
	}
	c.byRule[d.name] = d
	c.rules = append(c.rules, d)
	return nil
}

func otherSource(at *place) *fault {
	return &fault{code: ErrValidate, msg: "Rule has been re-defined with a different source", at: at}
}

func (c *collector) enableRule(name string, on bool, at *place) *fault {
	old := c.byRule[name]
	if old == nil {
		return c.missing(at, "Rule has 'enabled' key but no rule by that name already exists",
			nearest(name, c.ruleNames()))
	}
	old.enabled = on
	return nil
}

func (c *collector) appendRule(r *reader, up *ruleUpdate) *fault {
	old := c.byRule[up.name]
	if old == nil {
		return c.missing(up.at,
			"Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists",
			nearest(up.name, c.ruleNames()))
	}
	if up.source != "" && up.source != old.source {
		return otherSource(up.at)
	}
	if up.cond != nil {
		old.cond += " " + *up.cond
	}
	if up.output != nil {
		old.output += " " + *up.output
	}
	if up.desc != nil {
		old.desc += " " + *up.desc
	}
	old.addTags(up.tags)
	for i := range up.exceptions {
		if f := c.appendException(old, &up.exceptions[i]); f != nil {
			return f
		}
	}
	const each = 32 // bytes that are moved of a tag or looked at of an exception
	return c.spend(len(old.cond)+len(old.output)+len(old.desc)+each*(len(old.tags)+len(up.exceptions)*len(old.exceptions)), up.at)
}

func (c *collector) appendException(old *ruleDef, ex *exception) *fault {
	invalid := func(msg string) *fault { return &fault{code: ErrValidate, msg: msg, at: ex.at} }
	i := slices.IndexFunc(old.exceptions, func(e exception) bool { return e.name == ex.name })
	if i < 0 {
		switch {
		case !ex.fields.given():
			return invalid("Rule exception must have fields property with a list of fields")
		case len(ex.values) == 0:
			return invalid("Rule exception must have values property with a list of values")
		}
		if f := c.checkException(ex, old.unknownSource); f != nil {
			return f
		}
		old.exceptions = append(old.exceptions, *ex)
		return nil
	}
	switch {
	case ex.fields.given():
		return invalid("Can not append exception fields to existing exception, only values")
	case ex.comps.given():
		return invalid("Can not append exception comps to existing exception, only values")
	}
	e := &old.exceptions[i]
	e.values = append(e.values, ex.values...)
	return nil
}

func (c *collector) replaceRule(up *ruleUpdate) *fault {
	old := c.byRule[up.name]
	if old == nil {
		return c.missing(up.at,
			"An 'override.<key>: replace' to a rule was requested but no rule by that name already exists",
			nearest(up.name, c.ruleNames()))
	}
	if up.source != "" && up.source != old.source {
		return otherSource(up.at)
	}
	if up.cond != nil {
		old.cond, old.condAt = *up.cond, up.condAt
	}
	if up.output != nil {
		old.output, old.outAt = *up.output, up.outAt
	}
	if up.hasTags {
		old.tags = nil
		old.addTags(up.tags)
	}
	if up.hasExceptions {
		old.exceptions = up.exceptions
	}
	set(&old.desc, up.desc)
	set(&old.priority, up.priority)
	set(&old.enabled, up.enabled)
	set(&old.warnTypes, up.warnTypes)
	set(&old.skipUnknown, up.skipUnknown)
	set(&old.capture, up.capture)
	set(&old.captureMS, up.captureMS)
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}
