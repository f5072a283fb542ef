// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

type ruleInfo struct {
	Capture     bool     `json:"capture"`
	CaptureMS   int64    `json:"capture_duration"`
	Condition   string   `json:"condition"`
	Description string   `json:"description"`
	Enabled     bool     `json:"enabled"`
	Name        string   `json:"name"`
	Output      string   `json:"output"`
	Priority    string   `json:"priority"`
	Source      string   `json:"source"`
	Tags        []string `json:"tags"`
}

type ruleDetails struct {
	ConditionCompiled  string            `json:"condition_compiled"`
	ConditionFields    []string          `json:"condition_fields"`
	ConditionOperators []string          `json:"condition_operators"`
	Events             []string          `json:"events"`
	ExceptionFields    []string          `json:"exception_fields"`
	ExceptionNames     []string          `json:"exception_names"`
	ExceptionOperators []string          `json:"exception_operators"`
	Extra              map[string]string `json:"extra_output_formatted_fields,omitempty"`
	Lists              []string          `json:"lists"`
	Macros             []string          `json:"macros"`
	OutputCompiled     string            `json:"output_compiled"`
	OutputFields       []string          `json:"output_fields"`
	Plugins            []string          `json:"plugins"`
}

type ruleDescription struct {
	Details ruleDetails `json:"details"`
	Info    ruleInfo    `json:"info"`
}

type macroDescription struct {
	Details struct {
		ConditionCompiled  string   `json:"condition_compiled"`
		ConditionFields    []string `json:"condition_fields"`
		ConditionOperators []string `json:"condition_operators"`
		Events             []string `json:"events"`
		Lists              []string `json:"lists"`
		Macros             []string `json:"macros"`
		Plugins            []string `json:"plugins"`
		Used               bool     `json:"used"`
	} `json:"details"`
	Info struct {
		Condition string `json:"condition"`
		Name      string `json:"name"`
	} `json:"info"`
}

type listDescription struct {
	Details struct {
		ItemsCompiled []string `json:"items_compiled"`
		Lists         []string `json:"lists"`
		Plugins       []string `json:"plugins"`
		Used          bool     `json:"used"`
	} `json:"details"`
	Info struct {
		Items []string `json:"items"`
		Name  string   `json:"name"`
	} `json:"info"`
}

// DescribeJSON returns what -L prints with JSON output: all rules, macros and
// lists with what they are made of.
func (rs *Ruleset) DescribeJSON() json.RawMessage {
	out := struct {
		Lists   []listDescription   `json:"lists"`
		Macros  []macroDescription  `json:"macros"`
		Engine  string              `json:"required_engine_version"`
		Plugins []PluginRequirement `json:"required_plugin_versions"`
		Rules   []ruleDescription   `json:"rules"`
	}{
		Lists: []listDescription{}, Macros: []macroDescription{}, Rules: []ruleDescription{},
		Engine:  rs.engine.String(),
		Plugins: []PluginRequirement{},
	}
	for _, p := range rs.plugins {
		p.Alternatives = append([]PluginAlternative{}, p.Alternatives...)
		out.Plugins = append(out.Plugins, p)
	}
	for _, r := range rs.rules {
		out.Rules = append(out.Rules, r.describe())
	}
	for _, m := range rs.macros {
		out.Macros = append(out.Macros, m.describe())
	}
	for _, l := range rs.lists {
		out.Lists = append(out.Lists, l.describe())
	}
	return mustJSON(out)
}

// DescribeRuleJSON returns what -l prints of one rule with JSON output; false
// when there is no such rule.
func (rs *Ruleset) DescribeRuleJSON(name string) (json.RawMessage, bool) {
	r := rs.Rule(name)
	if r == nil {
		return nil, false
	}
	return mustJSON(map[string]any{"rules": []ruleDescription{r.describe()}}), true
}

func (r *Rule) describe() ruleDescription {
	d := ruleDescription{
		Info: ruleInfo{
			Capture: r.Capture, CaptureMS: r.CaptureDuration.Milliseconds(),
			Condition: r.Condition, Description: r.Desc, Enabled: r.enabledInFile,
			Name: r.Name, Output: r.Output, Priority: r.Priority.String(), Source: r.Source,
			Tags: sorted(r.Tags),
		},
		Details: ruleDetails{
			ConditionCompiled: filter.Canonical(r.Tree),
			Events:            describeEvents(r.Tree, r.Source),
			Lists:             sorted(r.lists),
			Macros:            sorted(r.macros),
			OutputCompiled:    r.Format,
			OutputFields:      sorted(r.outputFields),
			Plugins:           []string{},
		},
	}
	d.Details.ConditionFields, d.Details.ConditionOperators = usedIn(r.Tree)
	var names, fields, ops []string
	for i := range r.exceptions {
		ex := &r.exceptions[i]
		names = append(names, ex.name)
		fields = append(fields, ex.fields.texts()...)
		ops = append(ops, ex.comps.texts()...)
	}
	d.Details.ExceptionNames, d.Details.ExceptionFields, d.Details.ExceptionOperators =
		sorted(names), sorted(fields), sorted(ops)
	for _, x := range r.Extra {
		if x.Format == "" {
			continue
		}
		if d.Details.Extra == nil {
			d.Details.Extra = map[string]string{}
		}
		d.Details.Extra[x.Key] = x.Format
	}
	return d
}

func (e exEntry) texts() []string {
	if !e.list {
		if e.text == "" {
			return nil
		}
		return []string{e.text}
	}
	var out []string
	for _, i := range e.items {
		out = append(out, i.texts()...)
	}
	return out
}

func (m *compiledMacro) describe() macroDescription {
	var d macroDescription
	d.Info.Name, d.Info.Condition = m.def.name, m.def.cond
	d.Details.ConditionCompiled = filter.Canonical(m.full)
	d.Details.ConditionFields, d.Details.ConditionOperators = usedIn(m.full)
	d.Details.Events = describeEvents(m.full, SourceSyscall)
	d.Details.Lists, d.Details.Macros = sorted(m.lists), sorted(m.macros)
	d.Details.Plugins = []string{}
	d.Details.Used = m.used
	return d
}

// describeEvents returns the events of a condition as descriptions list them.
// Descriptions take checks of evt.num to say nothing about events, although
// one that never holds (evt.num = 0) makes the engine look at none.
func describeEvents(tree filter.Node, source string) []string {
	if source != SourceSyscall {
		return []string{"asyncevent", "pluginevent"}
	}
	tree, err := filter.Rewrite(tree, func(n filter.Node) (filter.Node, error) {
		if b, ok := n.(*filter.Binary); ok {
			if f, ok := b.Left.(*filter.Field); ok && f.Name == "evt.num" {
				return &filter.Unary{At: b.At, Left: f, Op: "exists", OpPos: b.OpPos}, nil
			}
		}
		return n, nil
	})
	if err != nil {
		return []string{}
	}
	res, err := evtset.Analyze(tree)
	if err != nil {
		return []string{}
	}
	// The generic events stand for just the calls that the condition names.
	others := scap.GenericSyscalls().Minus(res.Syscalls).Names()
	names := slices.DeleteFunc(res.EventNames(), func(n string) bool { return slices.Contains(others, n) })
	return sorted(append(names, "asyncevent"))
}

func (l *compiledList) describe() listDescription {
	var d listDescription
	d.Info.Name = l.def.name
	d.Info.Items = []string{}
	for _, i := range l.def.items {
		if !slices.Contains(l.refs, i) {
			d.Info.Items = append(d.Info.Items, i)
		}
	}
	d.Details.ItemsCompiled = append([]string{}, l.items...)
	d.Details.Lists = sorted(l.refs)
	d.Details.Plugins = []string{}
	d.Details.Used = l.used
	return d
}

// usedIn returns the fields, with their arguments, and the operators of a
// condition.
func usedIn(tree filter.Node) (fields, ops []string) {
	filter.Inspect(tree, func(n filter.Node) bool {
		switch n := n.(type) {
		case *filter.Field:
			name := n.Name
			if n.HasArg {
				name += "[" + n.Arg + "]"
			}
			fields = append(fields, name)
		case *filter.Unary:
			ops = append(ops, n.Op)
		case *filter.Binary:
			op := n.Op
			if n.Modifier != "" {
				op += " " + n.Modifier
			}
			ops = append(ops, op)
		}
		return true
	})
	return sorted(fields), sorted(ops)
}

// sorted returns the distinct members in order; never nil.
func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return slices.Compact(out)
}

// mustJSON encodes what cannot fail to be encoded, on one line.
func mustJSON(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSpace(b.Bytes())
}

// Columns of the table of rules.
const (
	nameWidth  = 50
	tableWidth = 110
)

// DescribeText returns what -L prints: a table of names and descriptions.
func (rs *Ruleset) DescribeText() string {
	var b strings.Builder
	describeHead(&b)
	for _, r := range rs.rules {
		describeLine(&b, r)
	}
	return b.String()
}

// DescribeRuleText returns what -l prints of one rule; false when there is no
// such rule.
func (rs *Ruleset) DescribeRuleText(name string) (string, bool) {
	r := rs.Rule(name)
	if r == nil {
		return "", false
	}
	var b strings.Builder
	describeHead(&b)
	describeLine(&b, r)
	return b.String(), true
}

func describeHead(b *strings.Builder) {
	fmt.Fprintf(b, "%-*s %s\n", nameWidth, "Rule", "Description")
	fmt.Fprintf(b, "%-*s %s\n", nameWidth, "----", "-----------")
}

func describeLine(b *strings.Builder, r *Rule) {
	fmt.Fprintf(b, "%-*s %s\n\n", nameWidth, r.Name, wrap(r.Desc, nameWidth+1, tableWidth))
}

// wrap breaks a text into lines of at most width columns, all but the first
// one indented.
func wrap(text string, indent, width int) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(text) {
		switch {
		case n == 0:
		case n+1+len(word) <= width-indent:
			b.WriteByte(' ')
			n++
		default:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			n = 0
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
