// SPDX-License-Identifier: Apache-2.0

// Package catalog reads what the default rules say of themselves: purpose,
// false positives and places to tune from their descriptions, and from the
// comment above each rule how it is provoked. The page docs/rules.md and the
// tests that want this of every rule are made from it.
//
// The description of a rule is paragraphs: the purpose and what a hit means,
// then "False positives: ..." and "Tune: name, name." with the lists and macros
// to change. Right above the rule stands what the live tests do with it:
//
//	# provoke: steps of test/scenario/provoke that must raise it
//	# near miss: steps that resemble it and must not
package catalog

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
)

// Rule is what a default rule says of itself.
type Rule struct {
	*rules.Rule
	Purpose        string
	FalsePositives string
	Tune           []string // lists and macros
	Provoke        []string // steps of test/scenario/provoke
	NearMiss       []string
	Techniques     []string // of ATT&CK, such as T1003.008
	Tactics        []string // as the tags mitre_... name them
}

// Tactic is one of the files, with its rules in order.
type Tactic struct {
	File   string // without folder
	Title  string // first line of the file's header
	Header string // the rest of it
	Rules  []Rule
}

// Load reads the embedded rules.
func Load() ([]Tactic, *rules.Ruleset, error) { return Read(defaultrules.Files()) }

// Read reads rules files that are written like the default ones. Files
// without rules are left out.
func Read(files []defaultrules.File) ([]Tactic, *rules.Ruleset, error) {
	var in []rules.File
	for _, f := range files {
		in = append(in, rules.File(f))
	}
	set, report := rules.Load(in, rules.Options{})
	if err := report.Err(); err != nil {
		return nil, nil, err
	}
	var tactics []Tactic
	for _, f := range files {
		t := Tactic{File: strings.TrimPrefix(f.Name, defaultrules.Folder)}
		t.Title, t.Header = header(f.Content)
		for _, r := range set.Rules() {
			if file, line, _ := r.Where(); file == f.Name {
				one := describe(r)
				if err := one.readComment(f.Content, line); err != nil {
					return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
				}
				t.Rules = append(t.Rules, one)
			}
		}
		if len(t.Rules) > 0 {
			tactics = append(tactics, t)
		}
	}
	return tactics, set, nil
}

// header returns the comment that a file begins with, below its licence: its
// first line without the full stop, and its further paragraphs.
func header(content []byte) (title, rest string) {
	var lines []string
	for line := range strings.Lines(string(content)) {
		text, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "#")
		if !ok {
			break
		}
		if text = strings.TrimPrefix(text, " "); strings.HasPrefix(text, "SPDX-") || text == "" && lines == nil {
			continue
		}
		lines = append(lines, text)
	}
	if len(lines) == 0 {
		return "", ""
	}
	return strings.TrimSuffix(lines[0], "."), strings.TrimSpace(strings.Join(lines[1:], "\n"))
}

var technique = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)

func describe(r *rules.Rule) Rule {
	d := Rule{Rule: r}
	for i, p := range strings.Split(strings.TrimSpace(r.Desc), "\n") {
		if text, ok := strings.CutPrefix(p, "False positives: "); ok {
			d.FalsePositives = text
		} else if text, ok := strings.CutPrefix(p, "Tune: "); ok {
			d.Tune = words(strings.TrimSuffix(text, "."))
		} else if i == 0 {
			d.Purpose = p
		} else {
			d.Purpose += " " + p
		}
	}
	for _, t := range r.Tags {
		if technique.MatchString(t) {
			d.Techniques = append(d.Techniques, t)
		}
		if tactic, ok := strings.CutPrefix(t, "mitre_"); ok {
			d.Tactics = append(d.Tactics, tactic)
		}
	}
	return d
}

// readComment reads the comment that ends right above a line (from 1). A line
// that does not begin with a key continues the one before.
func (r *Rule) readComment(content []byte, line int) error {
	lines := bytes.Split(content, []byte("\n"))
	first := line - 1
	for first > 0 && bytes.HasPrefix(lines[first-1], []byte("#")) {
		first--
	}
	var into *[]string
	for _, l := range lines[first : line-1] {
		text := strings.TrimPrefix(string(l), "#")
		if key, value, ok := strings.Cut(text, ":"); ok {
			switch strings.TrimSpace(key) {
			case "provoke":
				into = &r.Provoke
			case "near miss":
				into = &r.NearMiss
			default:
				return fmt.Errorf("rule %q: the comment above it has the key %q (there are: provoke, near miss)", r.Name, strings.TrimSpace(key))
			}
			text = value
		}
		if into == nil {
			return fmt.Errorf("rule %q: the comment above it is neither provoke nor near miss: %s", r.Name, l)
		}
		*into = append(*into, words(text)...)
	}
	return nil
}

// words splits names at commas.
func words(s string) []string {
	var out []string
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}
