// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/program"
)

// A rule on system calls whose condition can match more event types than
// these has no useful restriction.
const manyTypes = 100

// condition is what is known of a condition beside its tree.
type condition struct {
	syscalls scap.SyscallSet
	types    evtset.Types
	match    evtset.Types // without the halves of calls that it rules out
	warnings []program.Warning
}

// analyze finds the events that can make a condition true.
func analyze(tree filter.Node) (condition, error) {
	res, err := evtset.Analyze(tree)
	if err != nil {
		return condition{}, err
	}
	if err := res.UnknownName(); err != nil {
		return condition{}, err
	}
	return condition{syscalls: res.Syscalls, types: res.Types, match: res.Match}, nil
}

// check compiles the rule's condition to see whether it makes sense; text and
// own are the condition before its lists and its macros were put in place. drop is true for
// a rule that asks to be left out because of an unknown name.
func (c *compiler) check(d *ruleDef, r *Rule, text string, own filter.Node) (drop bool, f *fault) {
	key := r.Tree.String()
	cond, ok := c.checked[key]
	if !ok {
		_, warnings, err := c.builder.Add(r.Tree, evtset.Types{})
		if err == nil {
			cond, err = analyze(r.Tree)
		}
		if err != nil {
			return c.badCondition(d, text, own, err)
		}
		cond.warnings = warnings
		c.checked[key] = cond
	}
	r.Syscalls, r.Types, r.types = cond.syscalls, cond.types, cond.match
	for _, w := range cond.warnings {
		c.warn(WarnCompileCondition, d.condAt.inText(inCondition, text, w.Pos), w.Msg)
	}
	if d.source == SourceSyscall && d.warnTypes && cond.types.Len() > manyTypes {
		c.warn(WarnNoEventType, d.at,
			"Rule matches too many evt.type values. This has a significant performance penalty.")
	}
	return false, nil
}

// badCondition reports why a condition does not compile.
func (c *compiler) badCondition(d *ruleDef, text string, own filter.Node, err error) (drop bool, f *fault) {
	f = &fault{code: ErrCompileCondition, msg: err.Error(), at: d.condAt}
	unknown := false
	var pe *program.Error
	var ee *evtset.Error
	switch {
	case errors.As(err, &pe):
		f.msg, f.at = pe.Msg, d.condAt.inText(inCondition, text, pe.In).nearer(pe.Pos)
		f.hint = pe.Hint
		var uf *fields.UnknownFieldError
		unknown = errors.As(err, &uf)
		if unknown {
			f.hint = fieldHint(c.set.catalog, err)
			if pos, hint, ok := c.inMacro(own, uf.Name); ok {
				f.at = d.condAt.inText(inCondition, text, pos)
				f.hint = strings.TrimSpace(f.hint + " " + hint)
			}
		}
	case errors.As(err, &ee):
		f.msg, f.at = ee.Msg, d.condAt.inText(inCondition, text, ee.In).nearer(ee.Pos)
		name, ok := strings.CutPrefix(ee.Msg, "unknown event type ")
		unknown = ok
		if meant := NearestEvent(name); ok && meant != "" {
			f.hint = didYouMean(meant)
		}
	}
	if unknown && d.skipUnknown {
		w := c.warn(WarnUnknownFilter, f.at, f.msg)
		w.Hint = f.hint
		return true, nil
	}
	return false, f
}

// inMacro says, when an unknown field comes from a macro, where the condition
// names that macro, and in a hint where the macro is.
func (c *compiler) inMacro(own filter.Node, field string) (pos filter.Pos, hint string, ok bool) {
	if namesField(own, field) {
		return pos, "", false
	}
	filter.Inspect(own, func(n filter.Node) bool {
		id, isMacro := n.(*filter.Identifier)
		if !isMacro || ok {
			return !ok
		}
		if m := c.holder(c.byMacro[id.Name], field); m != nil {
			pos, hint, ok = id.At, m.def.where(), true
		}
		return false
	})
	return pos, hint, ok
}

// holder returns the macro, m or one that it is made of, whose own text names
// the field.
func (c *compiler) holder(m *compiledMacro, field string) *compiledMacro {
	if m == nil {
		return nil
	}
	if namesField(m.tree, field) {
		return m
	}
	for _, name := range m.macros {
		if h := c.holder(c.byMacro[name], field); h != nil {
			return h
		}
	}
	return nil
}

func namesField(tree filter.Node, field string) (yes bool) {
	filter.Inspect(tree, func(n filter.Node) bool {
		f, ok := n.(*filter.Field)
		yes = yes || ok && f.Name == field
		return !yes
	})
	return yes
}

// NearestEvent returns the name of the event or system call that was probably
// meant by a misspelt one, or "" when none is close.
func NearestEvent(name string) string { return nearest(name, eventNames()) }

func eventNames() []string {
	var list []string
	for i := range scap.Events {
		list = append(list, scap.Events[i].Name)
	}
	for i := range scap.Syscalls {
		list = append(list, scap.Syscalls[i].Name)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// containerInfo is a token of older outputs that stands for nothing any more.
const containerInfo = "%container.info"

// output puts together the output format and checks it.
func (c *compiler) output(d *ruleDef, r *Rule) (drop bool, f *fault) {
	text := d.output
	for i := range c.opts.AppendOutput {
		a := &c.opts.AppendOutput[i]
		if !a.matches(d) {
			continue
		}
		if a.Output != "" {
			text += " " + a.Output
		}
		r.Extra = append(r.Extra, a.Fields...)
	}
	if strings.Contains(text, containerInfo) {
		c.warn(WarnDeprecatedItem, d.at, containerInfo+" is deprecated and stands for nothing: "+
			"the fields of the container are added to the output by append_output")
		text = strings.ReplaceAll(text, containerInfo, "")
	}
	r.Format = text
	names, ok := c.outputs[text]
	if !ok {
		compiled, err := format.CompileOutput(c.set.catalog, text)
		if err != nil {
			return c.badOutput(d, err)
		}
		names = compiled.Names()
		c.outputs[text] = names
	}
	r.outputFields = names
	c.deprecatedOutput(d, text)
	return false, c.extraFields(d, r)
}

// extraFields checks what the configuration adds to the rule's output fields;
// what is wrong there is an error even for a rule that could be left out.
func (c *compiler) extraFields(d *ruleDef, r *Rule) *fault {
	for _, x := range r.Extra {
		text := x.Format
		if text == "" {
			text = "%" + x.Key
		}
		if _, err := format.CompileOutput(c.set.catalog, text); err != nil {
			return &fault{code: ErrCompileOutput, msg: err.Error(), at: d.outAt}
		}
		c.deprecatedOutput(d, x.Format)
	}
	return nil
}

func (c *compiler) badOutput(d *ruleDef, err error) (drop bool, f *fault) {
	f = &fault{code: ErrCompileOutput, msg: err.Error(), at: d.outAt}
	var fe *format.Error
	if errors.As(err, &fe) {
		switch {
		case fe.Hint != "":
			f.hint = didYouMean(fe.Hint)
		case fe.Err != nil:
			f.hint = fe.Err.Error()
		}
	}
	if fe != nil && fe.Err != nil && d.skipUnknown {
		w := c.warn(WarnUnknownFilter, f.at, f.msg)
		w.Hint = f.hint
		return true, nil
	}
	return false, f
}
