// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// Deepest nesting of a condition, in productions of the grammar.
const maxConditionDepth = 1000

// parsed is a condition as a tree, or why it is none.
type parsed struct {
	tree filter.Node
	err  error
}

// compiler turns what was collected into a ruleset. It lives for a whole
// load: what it learnt of conditions that did not change is used again.
type compiler struct {
	set     *collector
	opts    *Options
	trees   map[string]parsed    // by text
	checked map[string]condition // by the text of the whole tree
	builder *program.Builder     // has every condition that was checked
	outputs map[string][]string  // the fields of outputs that are good
	byMacro map[string]*compiledMacro
	nodes   int // of all conditions together
	rep     *FileReport
}

func newCompiler(set *collector, opts *Options) *compiler {
	return &compiler{
		set: set, opts: opts,
		trees:   map[string]parsed{},
		checked: map[string]condition{},
		outputs: map[string][]string{},
		builder: program.NewBuilder(set.catalog),
	}
}

func (c *compiler) warn(code Code, at *place, msg string) *Issue {
	c.rep.Warnings = append(c.rep.Warnings, Issue{Code: code, Message: msg, Context: at.context()})
	return &c.rep.Warnings[len(c.rep.Warnings)-1]
}

func (c *compiler) parse(text string) (filter.Node, error) {
	p, ok := c.trees[text]
	if !ok {
		p.tree, p.err = filter.Parse(text, filter.MaxDepth(maxConditionDepth))
		c.trees[text] = p
	}
	return p.tree, p.err
}

// compile makes a ruleset of everything collected so far. Warnings go to rep.
func (c *compiler) compile(rep *FileReport) (*Ruleset, *fault) {
	c.rep, c.nodes = rep, 0
	rs := &Ruleset{
		lists:   c.set.compileLists(),
		isList:  isList(c.set.byList),
		engine:  c.set.engine,
		plugins: c.set.plugins,
		catalog: c.set.catalog,
	}
	if f := c.macros(rs); f != nil {
		return nil, f
	}
	for _, d := range c.set.rules {
		if d.unknownSource {
			continue
		}
		r, f := c.rule(d, rs)
		if f != nil {
			return nil, f
		}
		if r != nil {
			r.Index = len(rs.rules)
			rs.rules = append(rs.rules, r)
		}
	}
	c.unused(rs)
	return rs, nil
}

func (c *compiler) unused(rs *Ruleset) {
	for _, m := range rs.macros {
		if !m.used {
			c.warn(WarnUnusedMacro, m.def.at, "Macro not referred to by any other rule/macro")
		}
	}
	for _, l := range rs.lists {
		if !l.used {
			c.warn(WarnUnusedList, l.def.at, "List not referred to by any other rule/macro")
		}
	}
}

// macros parses and resolves all macros.
func (c *compiler) macros(rs *Ruleset) *fault {
	c.byMacro = make(map[string]*compiledMacro, len(c.set.macros))
	for _, d := range c.set.macros {
		m := &compiledMacro{def: d}
		text, tree, f := c.condition(d.cond, d.at, d.condAt, rs, &m.lists)
		if f != nil {
			return f
		}
		m.text, m.tree = text, tree
		c.byMacro[d.name] = m
		rs.macros = append(rs.macros, m)
	}
	for _, m := range rs.macros {
		if err := m.resolve(c.byMacro, nil); err != nil {
			return c.unresolvedFault(err, m.def.at, m.def.cond)
		}
	}
	return nil
}

// condition puts lists in place and parses the text.
func (c *compiler) condition(text string, at, condAt *place, rs *Ruleset, used *[]string) (string, filter.Node, *fault) {
	expanded, ok := rs.expandLists(text, func(l *compiledList) {
		l.used = true
		*used = append(*used, l.def.name)
	})
	if !ok {
		return "", nil, tooLong(at)
	}
	tree, err := c.parse(expanded)
	if err == nil {
		return expanded, tree, nil
	}
	f := &fault{code: ErrCompileCondition, msg: err.Error(), at: condAt}
	var fe *filter.Error
	if errors.As(err, &fe) {
		f.msg, f.hint = fe.Msg, fe.Hint
		f.at = condAt.inText(inCondition, expanded, fe.Pos)
	}
	return "", nil, f
}

// unresolvedFault reports a macro name that cannot be put in place.
func (c *compiler) unresolvedFault(err error, at *place, text string) *fault {
	f := &fault{code: ErrValidate, msg: err.Error(), at: at}
	var u *unresolved
	if !errors.As(err, &u) {
		return f
	}
	pos := u.pos
	if u.in != nil {
		pos = filter.Pos{Line: 1, Col: 1}
		f.hint = u.in.def.where()
	}
	f.at = at.inText(inCondition, text, pos)
	if u.loop || u.huge {
		return f
	}
	if meant := nearest(u.name, c.set.macroNames()); meant != "" {
		f.hint = strings.TrimSpace(didYouMean(meant) + " " + f.hint)
	}
	return f
}

// where says where a macro is defined, for hints.
func (d *macroDef) where() string {
	p := d.condAt.Position
	return fmt.Sprintf("it stands in macro '%s' (%s:%d:%d)", d.name, p.Name, p.Line+1, p.Column+1)
}

// rule compiles one rule. It returns nil without a fault for a rule that asks
// to be left out because it names something unknown.
func (c *compiler) rule(d *ruleDef, rs *Ruleset) (*Rule, *fault) {
	raw, f := d.condition()
	if f != nil {
		return nil, f
	}
	r := &Rule{
		Name: d.name, Desc: d.desc, Condition: d.cond, Output: d.output,
		Priority: d.priority, Source: d.source, Tags: d.tags, Enabled: d.enabled,
		Capture: d.capture, CaptureDuration: time.Duration(d.captureMS) * time.Millisecond,
		exceptions: d.exceptions, enabledInFile: d.enabled, at: d.at,
	}
	if p := c.opts.MinPriority; p != nil && d.priority > *p {
		r.belowPriority, r.Enabled = true, false
	}
	if drop, f := c.output(d, r); f != nil || drop {
		return nil, f
	}
	var used []string
	_, tree, f := c.condition(raw, d.at, d.condAt, rs, &used)
	if f != nil {
		return nil, f
	}
	for _, name := range used {
		if _, n := expandList(d.cond, name, ""); n > 0 { // not by an exception alone
			r.lists = append(r.lists, name)
		}
	}
	s := scope{byName: c.byMacro, limit: c.set.clock + 1}
	// From here on issues show the condition as it was written, although the
	// places in it are those of the text with lists put in place.
	if r.Tree, f = c.resolve(&s, tree, d, raw); f != nil {
		return nil, f
	}
	r.macros = s.direct
	c.questionable(d, r.Tree, raw)
	if drop, f := c.check(d, r, raw, tree); f != nil || drop {
		return nil, f
	}
	return r, nil
}

func (c *compiler) resolve(s *scope, tree filter.Node, d *ruleDef, text string) (filter.Node, *fault) {
	full, err := s.resolve(tree)
	if err != nil {
		return nil, c.unresolvedFault(err, d.at, text)
	}
	if c.nodes += s.size; c.nodes > maxTrees {
		return nil, &fault{code: ErrValidate, at: d.at,
			msg: "The conditions are too large together when macros are put in place"}
	}
	return full, nil
}

// questionable warns of comparisons with the text <NA>, which missing values of
// the fields of two plugins used to be, and of fields that lost their meaning.
// Each is told once a condition.
func (c *compiler) questionable(d *ruleDef, tree filter.Node, text string) {
	unsafeNA, old := false, map[string]bool{}
	filter.Inspect(tree, func(n filter.Node) bool {
		var left, right filter.Node
		switch n := n.(type) {
		case *filter.Binary:
			left = n.Left
			switch n.Op {
			case "=", "==", "!=", "in", "intersects", "pmatch":
				right = n.Right
			}
		case *filter.Unary:
			left = n.Left
		default:
			return true
		}
		plugins := false
		filter.Inspect(left, func(n filter.Node) bool {
			if f, ok := n.(*filter.Field); ok {
				old[f.Name] = true
				plugins = strings.HasPrefix(f.Name, "ka.") || strings.HasPrefix(f.Name, "jevt.")
			}
			return true
		})
		unsafeNA = unsafeNA || plugins && right != nil && comparesNA(right)
		return false
	})
	at := d.condAt.inText(inCondition, text, filter.Pos{})
	if unsafeNA {
		c.warn(WarnUnsafeNACheck, at, "")
	}
	for _, name := range deprecatedNames {
		if old[name] {
			c.warn(WarnDeprecatedItem, at, deprecation(name)).Field = name
		}
	}
}

func comparesNA(right filter.Node) bool {
	found := false
	filter.Inspect(right, func(n filter.Node) bool {
		if v, ok := n.(*filter.Value); ok && v.Text == "<NA>" {
			found = true
		}
		return !found
	})
	return found
}

// Fields that lost their meaning when calls were no longer reported twice.
var deprecatedNames = []string{
	"evt.dir", "evt.latency", "evt.latency.s", "evt.latency.ns", "evt.latency.human", "evt.wait_latency",
}

// deprecation says why a field should not be used any more.
func deprecation(name string) string {
	if name == "evt.dir" {
		return "calls are reported when they return; 'evt.dir = >' asks for their beginning too, which costs time; " +
			"'evt.dir = <' is of use only beside such rules"
	}
	return "how long a call takes is not measured: the field never says it"
}

// deprecatedOutput warns of fields in a format that lost their meaning. A name
// counts wherever it stands, also at the beginning of a longer one.
func (c *compiler) deprecatedOutput(d *ruleDef, format string) {
	for _, name := range deprecatedNames {
		if strings.Contains(format, name) {
			c.warn(WarnDeprecatedItem, d.outAt,
				"usage of deprecated field '"+name+"' has been detected in the rule output").Field = name
		}
	}
}

// fieldHint returns what was probably meant by an unknown field or argument.
func fieldHint(cat fields.Catalog, err error) string {
	var unknown *fields.UnknownFieldError
	if s, ok := cat.(interface{ Suggest(string) string }); ok && errors.As(err, &unknown) {
		if name := s.Suggest(unknown.Name); name != "" {
			return didYouMean(name)
		}
	}
	var arg *fields.ArgumentError
	if errors.As(err, &arg) && arg.Meant != "" {
		return didYouMean(arg.Meant)
	}
	return ""
}
