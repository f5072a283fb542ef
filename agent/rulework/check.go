// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// Level says how grave a finding is.
type Level string

// Levels. A note does not count with --strict: it may well be meant so.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelNote    Level = "note"
)

// Codes of findings that a load does not have.
const (
	CodeShadowed  = "CHECK_SHADOWED_RULE"   // an earlier rule takes every event of this one
	CodeNeverTrue = "CHECK_NEVER_TRUE"      // no event can match
	CodeNoValue   = "CHECK_NO_VALUE"        // a field of the output never has a value
	CodeNoMembers = "CHECK_EMPTY_EXCEPTION" // an exception without values
	CodeTwice     = "CHECK_REPEATED"        // a key, an item or a rule is there twice
	CodePlugin    = "CHECK_PLUGIN_MISSING"  // a required plugin is not there
	CodeSchema    = "CHECK_SCHEMA"          // the file does not have the shape of the schema
	CodeNoRules   = "CHECK_NO_RULES"        // no rule at all
)

// Finding is something that is wrong or doubtful.
type Finding struct {
	Level   Level  `json:"level"`
	Code    string `json:"code"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1
	Column  int    `json:"column,omitempty"`
	Item    string `json:"item,omitempty"` // such as rule 'x'
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// CheckReport is the outcome of a check.
type CheckReport struct {
	Files    []string  `json:"files"`
	Rules    int       `json:"rules"`
	Enabled  int       `json:"enabled"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Notes    int       `json:"notes"`
	Findings []Finding `json:"findings"`
}

// Check checks rules files and folders and prints what it found.
func Check(env Env, work *cmdline.Work) (status int, err error) {
	files, err := readRules(work.Files)
	if err != nil {
		return StatusTrouble, err
	}
	rep := check(&env, files)
	if work.JSON {
		doc, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return StatusTrouble, err
		}
		fmt.Fprintf(env.Stdout, "%s\n", doc)
	} else {
		rep.write(env.Stdout)
	}
	if rep.Errors > 0 || work.Strict && rep.Warnings > 0 {
		return StatusBad, nil
	}
	return StatusOK, nil
}

func check(env *Env, files []rules.File) *CheckReport {
	opts := env.Rules
	if opts.Catalog == nil {
		opts.Catalog = fields.Default()
	}
	opts.Validate = true
	set, loaded := rules.Load(files, opts)
	rep := &CheckReport{Findings: []Finding{}, Files: []string{}}
	for i := range loaded.Files {
		f := &loaded.Files[i]
		rep.Files = append(rep.Files, f.Name)
		rep.issues(f, i == len(loaded.Files)-1)
	}
	for i := range files {
		for _, r := range rules.Repeated(files[i]) {
			rep.add(Finding{Level: LevelWarning, Code: CodeTwice, File: files[i].Name, Line: r.Line, Column: r.Column, Message: r.Message})
		}
	}
	if set != nil {
		rep.Rules, rep.Enabled = len(set.Rules()), len(set.Enabled())
		if missing := rules.UnmetPlugins(set, opts.Plugins); missing != "" {
			rep.add(Finding{Level: LevelWarning, Code: CodePlugin, Message: missing, File: files[len(files)-1].Name})
		}
		rep.rules(set, !env.All)
		if rep.Rules == 0 {
			rep.add(Finding{Level: LevelNote, Code: CodeNoRules, Message: "there is no rule in any of the files"})
		}
	}
	slices.SortStableFunc(rep.Findings, func(a, b Finding) int {
		if d := slices.Index(rep.Files, a.File) - slices.Index(rep.Files, b.File); d != 0 {
			return d
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return rep
}

func (r *CheckReport) add(f Finding) {
	switch f.Level {
	case LevelError:
		r.Errors++
	case LevelWarning:
		r.Warnings++
	default:
		r.Notes++
	}
	r.Findings = append(r.Findings, f)
}

// issues takes over what the load says about a file. What is not used yet is
// only told of after the last file: others may use it.
func (r *CheckReport) issues(f *rules.FileReport, last bool) {
	for i := range f.Errors {
		r.issue(LevelError, &f.Errors[i])
	}
	for i := range f.Warnings {
		w := &f.Warnings[i]
		unused := w.Code == rules.WarnUnusedMacro || w.Code == rules.WarnUnusedList
		if !unused || last {
			r.issue(LevelWarning, w)
		}
	}
	if len(f.SchemaWarnings) > 0 { // the others say what this one is in
		r.add(Finding{Level: LevelNote, Code: CodeSchema, File: f.Name, Message: "schema: " + f.SchemaWarnings[0]})
	}
}

func (r *CheckReport) issue(level Level, i *rules.Issue) {
	f := Finding{Level: level, Code: string(i.Code), Message: i.Message, Hint: i.Hint}
	f.File, f.Line, f.Column, f.Item = i.Context.Where()
	if f.Message == "" {
		f.Message = i.Code.Sentence()
	}
	for _, have := range r.Findings { // a later file makes the load look at everything again
		if have == f {
			return
		}
	}
	r.add(f)
}

// write prints the findings for people.
func (r *CheckReport) write(w io.Writer) {
	for i := range r.Findings {
		f := &r.Findings[i]
		at := f.File
		if f.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
		}
		if at != "" {
			at += ": "
		}
		fmt.Fprintf(w, "%s%s: ", at, f.Level)
		if f.Item != "" {
			fmt.Fprintf(w, "%s: ", f.Item)
		}
		fmt.Fprint(w, f.Message)
		if f.Hint != "" {
			fmt.Fprintf(w, " (%s)", f.Hint)
		}
		fmt.Fprintf(w, " [%s]\n", f.Code)
	}
	fmt.Fprintf(w, "%s, %s (%d enabled): %s, %s, %s\n", count(len(r.Files), "file"), count(r.Rules, "rule"), r.Enabled,
		count(r.Errors, "error"), count(r.Warnings, "warning"), count(r.Notes, "note"))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// ruleFinding is a finding about a rule.
func (r *CheckReport) ruleFinding(level Level, code string, rule *rules.Rule, message string) {
	f := Finding{Level: level, Code: code, Item: "rule '" + rule.Name + "'", Message: message}
	f.File, f.Line, f.Column = rule.Where()
	r.add(f)
}

// rules looks at the rules as a whole.
func (r *CheckReport) rules(set *rules.Ruleset, first bool) {
	p := newProver()
	for _, rule := range set.Rules() {
		r.never(p, rule)
		r.values(rule)
		for name, values := range rule.Exceptions {
			if values == 0 {
				r.ruleFinding(LevelNote, CodeNoMembers, rule, "exception '"+name+"' has no values: it excludes nothing yet")
			}
		}
	}
	if first {
		r.shadowed(p, set.Enabled())
	}
}

// shadowed finds rules that an earlier rule leaves no event, as only the first
// rule that matches makes an alert.
func (r *CheckReport) shadowed(p *prover, enabled []*rules.Rule) {
	for i, later := range enabled {
		for _, earlier := range enabled[:i] {
			if earlier.Source == later.Source && later.Tree != nil && earlier.Tree != nil && p.implies(later.Tree, earlier.Tree) {
				file, line, _ := earlier.Where()
				r.ruleFinding(LevelWarning, CodeShadowed, later, fmt.Sprintf(
					"can never fire: every event that it matches is taken by rule '%s' (%s:%d) before (rule_matching: all would report both)",
					earlier.Name, file, line))
				break
			}
		}
	}
}

// never finds conditions that no event can meet.
func (r *CheckReport) never(p *prover, rule *rules.Rule) {
	if rule.Tree == nil {
		return
	}
	if rule.Source == rules.SourceSyscall && rule.Types.IsEmpty() {
		r.ruleFinding(LevelWarning, CodeNeverTrue, rule, "can never fire: its checks of evt.type rule each other out")
		return
	}
	if a, b, found := p.contradiction(rule.Tree); found {
		r.ruleFinding(LevelWarning, CodeNeverTrue, rule, fmt.Sprintf("can never fire: %s and %s cannot both hold", short(p.text(a)), short(p.text(b))))
		return
	}
	if rule.Source != rules.SourceSyscall {
		return
	}
	for _, part := range conjuncts(rule.Tree) {
		if name := fieldOf(part); name != "" && neverHas(rule.Types, name) {
			r.ruleFinding(LevelWarning, CodeNeverTrue, rule, fmt.Sprintf("can never fire: %s never has a value for the events of the rule (%s)", name, eventList(rule.Types)))
			return
		}
	}
}

// values finds fields of the output that never have a value.
func (r *CheckReport) values(rule *rules.Rule) {
	if rule.Source != rules.SourceSyscall || rule.Types.IsEmpty() {
		return
	}
	var names []string
	for _, name := range rule.OutputFields() {
		if neverHas(rule.Types, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		r.ruleFinding(LevelNote, CodeNoValue, rule, fmt.Sprintf("the output's %s never %s a value for the events of the rule (%s)",
			strings.Join(names, ", "), map[bool]string{true: "has", false: "have"}[len(names) == 1], eventList(rule.Types)))
	}
}

func short(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}
