// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Issue is one error or warning.
type Issue struct {
	Code    Code
	Message string
	Context Context
	Field   string // of warnings about a deprecated field: the field
	Hint    string // what was probably meant, "" when nothing comes to mind
}

// SchemaStatus is the outcome of the check of a file's shape.
type SchemaStatus uint8

// Outcomes of the check.
const (
	SchemaNone SchemaStatus = iota // not checked: empty, or not YAML
	SchemaOK
	SchemaFailed
)

// String returns the word that logs use.
func (s SchemaStatus) String() string {
	return [...]string{"none", "ok", "failed"}[s]
}

// FileReport is what there is to say about one file.
type FileReport struct {
	Name           string
	Errors         []Issue
	Warnings       []Issue
	Schema         SchemaStatus
	SchemaWarnings []string // why the shape is wrong
}

// OK reports whether the file has no error.
func (f *FileReport) OK() bool { return len(f.Errors) == 0 }

// Report is what there is to say about the files of one load, in the order of
// loading. Files after the first bad one appear only when Options.Validate
// asked to judge them too.
type Report struct {
	Files []FileReport
	// PluginError says which required plugin is missing. It stands alone:
	// nothing else is worth reading then.
	PluginError string
	// Unmet says the same, whether or not it stopped the load.
	Unmet string
}

// OK reports whether everything was loaded.
func (r *Report) OK() bool {
	if r.PluginError != "" {
		return false
	}
	for i := range r.Files {
		if !r.Files[i].OK() {
			return false
		}
	}
	return true
}

// Err returns nil when everything was loaded, else an error whose text is the
// full report of the bad files.
func (r *Report) Err() error {
	if r.PluginError != "" {
		return errors.New(r.PluginError)
	}
	var bad []string
	for i := range r.Files {
		if !r.Files[i].OK() {
			bad = append(bad, r.Files[i].Text())
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return errors.New(strings.Join(bad, "\n"))
}

// Text returns the validation report as -V prints it, without the last
// newline. Files that merely have warnings take one line.
func (r *Report) Text() string {
	var parts []string
	for i := range r.Files {
		parts = append(parts, r.Files[i].Summary())
	}
	return strings.Join(parts, "\n")
}

// Summary is the full report of a file that has errors or no warnings, and
// one line for one that merely has warnings.
func (f *FileReport) Summary() string {
	if f.OK() && len(f.Warnings) > 0 {
		return f.Name + ": Ok, with warnings"
	}
	return f.Text()
}

// Text returns the full report of the file.
func (f *FileReport) Text() string {
	var b strings.Builder
	b.WriteString(f.Name + ": ")
	switch {
	case !f.OK():
		b.WriteString("Invalid")
	case len(f.Warnings) > 0:
		b.WriteString("Ok, with warnings")
	default:
		b.WriteString("Ok")
	}
	sections := []string{f.schemaText(), issuesText("Errors", f.Errors), issuesText("Warnings", f.Warnings)}
	for _, s := range sections {
		if s == "" {
			continue
		}
		b.WriteByte('\n')
		b.WriteString(s)
	}
	return b.String()
}

func (f *FileReport) schemaText() string {
	if len(f.SchemaWarnings) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d Schema warnings:\n", len(f.SchemaWarnings))
	for _, w := range f.SchemaWarnings {
		b.WriteString("------\n" + w + "\n")
	}
	b.WriteString("------\n")
	return b.String()
}

func issuesText(what string, list []Issue) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s:\n", len(list), what)
	for _, i := range list {
		b.WriteString(i.Text())
	}
	return b.String()
}

// Text returns the report of one issue.
func (i *Issue) Text() string {
	return i.Context.String() + "------\n" + i.Context.Snippet() + "------\n" + i.Line() + "\n"
}

// Line returns code, description and message.
func (i *Issue) Line() string {
	return fmt.Sprintf("%s (%s): %s", i.Code, i.Code.Describe(), i.Message)
}

// Hints returns a line for every error, and for every warning of which
// something comes to mind that was probably meant: file, line and column as
// editors count them, the item, the message and the hint. They are apart from
// the report because its text and its way to count are interface.
func (r *Report) Hints() []string {
	var out []string
	add := func(i *Issue) {
		if line := i.hintLine(); !slices.Contains(out, line) {
			out = append(out, line) // what one file has wrong, later ones have too
		}
	}
	for i := range r.Files {
		f := &r.Files[i]
		for k := range f.Errors {
			add(&f.Errors[k])
		}
		for k := range f.Warnings {
			if w := &f.Warnings[k]; w.Hint != "" {
				add(w)
			}
		}
	}
	return out
}

func (i *Issue) hintLine() string {
	file, line, col, item := i.Context.Where()
	if item != "" {
		item = ", " + item
	}
	s := fmt.Sprintf("%s:%d:%d%s: %s", file, line, col, item, i.Message)
	if i.Hint != "" {
		s += " (" + i.Hint + ")"
	}
	return s
}

type jsonPosition struct {
	Column int    `json:"column"`
	Line   int    `json:"line"`
	Name   string `json:"name"`
	Offset int    `json:"offset"`
}

type jsonLocation struct {
	ItemName string       `json:"item_name"`
	ItemType string       `json:"item_type"`
	Position jsonPosition `json:"position"`
}

type jsonContext struct {
	Locations []jsonLocation `json:"locations"`
	Snippet   string         `json:"snippet"`
}

type jsonIssue struct {
	Code     Code        `json:"code"`
	CodeDesc string      `json:"codedesc"`
	Context  jsonContext `json:"context"`
	Field    string      `json:"deprecated_field,omitempty"`
	Hint     string      `json:"hint,omitempty"`
	Message  string      `json:"message"`
}

type jsonFile struct {
	Errors         []jsonIssue `json:"errors"`
	Name           string      `json:"name"`
	SchemaValid    *bool       `json:"schema_valid,omitempty"`
	SchemaWarnings *[]string   `json:"schema_warnings,omitempty"`
	Successful     bool        `json:"successful"`
	Warnings       []jsonIssue `json:"warnings"`
}

// JSON returns the list of load results as -V with JSON output prints it
// under falco_load_results.
func (r *Report) JSON() json.RawMessage {
	files := make([]jsonFile, 0, len(r.Files))
	for i := range r.Files {
		f := &r.Files[i]
		j := jsonFile{
			Errors:     jsonIssues(f.Errors, Code.Describe),
			Name:       f.Name,
			Successful: f.OK(),
			Warnings:   jsonIssues(f.Warnings, Code.Sentence),
		}
		if f.Schema != SchemaNone {
			valid, why := f.Schema == SchemaOK, append([]string{}, f.SchemaWarnings...)
			j.SchemaValid, j.SchemaWarnings = &valid, &why
		}
		files = append(files, j)
	}
	return mustJSON(files)
}

func jsonIssues(list []Issue, describe func(Code) string) []jsonIssue {
	out := make([]jsonIssue, 0, len(list))
	for _, i := range list {
		j := jsonIssue{
			Code:     i.Code,
			CodeDesc: describe(i.Code),
			Context:  jsonContext{Snippet: i.Context.Snippet(), Locations: []jsonLocation{}},
			Field:    i.Field,
			Hint:     i.Hint,
			Message:  i.Message,
		}
		for _, l := range i.Context.Locations {
			j.Context.Locations = append(j.Context.Locations, jsonLocation{
				ItemName: l.Name, ItemType: l.Type, Position: l.Position.json(),
			})
		}
		out = append(out, j)
	}
	return out
}

func (p Position) json() jsonPosition {
	return jsonPosition{Column: p.Column, Line: p.Line, Name: p.Name, Offset: p.Offset}
}

// DropAnswered removes what was said of a file before the next ones were read
// and what these have answered: that nothing uses a macro or a list. What
// nothing uses in the end is still said, of the last file.
func (r *Report) DropAnswered() {
	for i := range max(len(r.Files)-1, 0) {
		f := &r.Files[i]
		f.Warnings = slices.DeleteFunc(f.Warnings, func(w Issue) bool {
			return w.Code == WarnUnusedMacro || w.Code == WarnUnusedList
		})
	}
}
