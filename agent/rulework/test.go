// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// TestReport is the outcome of a run of tests.
type TestReport struct {
	Files  []FileResult `json:"files"`
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	// Trouble counts files and tests that could not be run.
	Trouble int `json:"trouble"`
}

// FileResult is the outcome of a file of tests.
type FileResult struct {
	Name  string       `json:"name"`
	Error string       `json:"error,omitempty"` // why none of its tests was run
	Tests []TestResult `json:"tests"`
}

// TestResult is the outcome of one test.
type TestResult struct {
	Name  string `json:"name"`
	Line  int    `json:"line"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"` // why it could not be run
	// Problems are how the alerts differ from what was expected.
	Problems []string `json:"problems,omitempty"`
	Alerts   []alert  `json:"alerts"`
}

// Test runs the tests of rules in files and folders and prints the outcome.
func Test(env Env, work *cmdline.Work) (status int, err error) {
	rep, err := runTests(&env, work.Files, work.Run)
	if err != nil {
		return StatusTrouble, err
	}
	if work.JSON {
		doc, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return StatusTrouble, err
		}
		fmt.Fprintf(env.Stdout, "%s\n", doc)
	} else {
		rep.write(env.Stdout, work.Verbose)
	}
	switch {
	case rep.Trouble > 0:
		return StatusTrouble, nil
	case rep.Failed > 0:
		return StatusBad, nil
	case rep.Passed == 0:
		return StatusTrouble, fmt.Errorf("there is no test%s", ofName(work.Run))
	}
	return StatusOK, nil
}

func ofName(part string) string {
	if part == "" {
		return ""
	}
	return fmt.Sprintf(" whose name contains %q", part)
}

func runTests(env *Env, paths []string, part string) (*TestReport, error) {
	if env.Rules.Catalog == nil {
		env.Rules.Catalog = fields.Default()
	}
	rep := &TestReport{Files: []FileResult{}}
	for _, path := range paths {
		names, err := testFiles(path)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			rep.add(env.testFile(name, part))
		}
	}
	return rep, nil
}

func (r *TestReport) add(f FileResult) {
	if f.Error != "" {
		r.Trouble++
	}
	for i := range f.Tests {
		switch t := &f.Tests[i]; {
		case t.Error != "":
			r.Trouble++
		case t.OK:
			r.Passed++
		default:
			r.Failed++
		}
	}
	r.Files = append(r.Files, f)
}

func (env *Env) testFile(path, part string) FileResult {
	res := FileResult{Name: path, Tests: []TestResult{}}
	f, err := readTests(path)
	if err != nil {
		res.Error = err.Error()
		return res
	}
	r, err := env.load(f)
	if err != nil {
		res.Error = err.Error()
		return res
	}
	for i := range f.Tests {
		c := &f.Tests[i]
		if !strings.Contains(c.Name, part) {
			continue
		}
		t := TestResult{Name: c.Name, Line: c.line, Alerts: []alert{}}
		alerts, err := r.play(f, c)
		if err != nil {
			t.Error = err.Error()
		} else {
			t.Alerts = append(t.Alerts, alerts...)
			t.Problems = c.judge(alerts)
			t.OK = len(t.Problems) == 0
		}
		res.Tests = append(res.Tests, t)
	}
	return res
}

// load loads the rules that a test file is about.
func (env *Env) load(f *testFile) (*runner, error) {
	paths := env.Files
	if len(f.Rules) > 0 && !env.Forced {
		paths = nil
		for _, p := range f.Rules {
			paths = append(paths, f.beside(p))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: it names no rules: add rules:, or use -r", f.path)
	}
	files, err := readRules(paths)
	if err != nil {
		return nil, err
	}
	set, rep := rules.Load(files, env.Rules)
	if err := rep.Err(); err != nil {
		return nil, fmt.Errorf("the rules do not load:\n%s", strings.Join(append([]string{err.Error()}, rep.Hints()...), "\n"))
	}
	for _, pattern := range f.Disable {
		if set.Switch(rules.Switch{Rule: pattern}) == 0 {
			return nil, fmt.Errorf("%s: disable: no rule's name matches %q", f.path, pattern)
		}
	}
	for _, pattern := range f.Enable {
		if set.Switch(rules.Switch{Rule: pattern, Enable: true}) == 0 {
			return nil, fmt.Errorf("%s: enable: no rule's name matches %q", f.path, pattern)
		}
	}
	if err := f.checkNames(set); err != nil {
		return nil, err
	}
	mode := rules.MatchFirst
	if f.Matching == "all" || f.Matching == "" && env.All {
		mode = rules.MatchAll
	}
	return newRunner(set, mode, env.Rules.Catalog), nil
}

// checkNames refuses a test that names a rule which is not there: it would
// pass, or fail, for the wrong reason.
func (f *testFile) checkNames(set *rules.Ruleset) error {
	known := func(pattern string) bool {
		for _, r := range set.Rules() {
			if rules.MatchName(pattern, r.Name) {
				return true
			}
		}
		return false
	}
	for i := range f.Tests {
		c := &f.Tests[i]
		for k := range c.Expect.alerts {
			if w := &c.Expect.alerts[k]; !known(w.Rule) {
				return fmt.Errorf("%s:%d: there is no rule %q", f.path, w.line, w.Rule)
			}
		}
		for _, pattern := range c.Silent {
			if !known(pattern) {
				return fmt.Errorf("%s:%d: test %q: there is no rule %q", f.path, c.line, c.Name, pattern)
			}
		}
	}
	return nil
}

// write prints the outcome for people: what passed in one line, what failed
// with its reasons.
func (r *TestReport) write(w io.Writer, verbose bool) {
	for i := range r.Files {
		f := &r.Files[i]
		if f.Error != "" {
			fmt.Fprintf(w, "ERROR %s\n", indent(f.Error))
			continue
		}
		for k := range f.Tests {
			f.Tests[k].write(w, f.Name, verbose)
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed", r.Passed, r.Failed)
	if r.Trouble > 0 {
		fmt.Fprintf(w, ", %d could not be run", r.Trouble)
	}
	fmt.Fprintln(w)
}

func (t *TestResult) write(w io.Writer, file string, verbose bool) {
	at := fmt.Sprintf("%s:%d: %s", file, t.Line, t.Name)
	switch {
	case t.Error != "":
		fmt.Fprintf(w, "ERROR %s\n  %s\n", at, indent(t.Error))
		return
	case t.OK:
		fmt.Fprintf(w, "ok    %s\n", at)
	default:
		fmt.Fprintf(w, "FAIL  %s\n", at)
		for _, p := range t.Problems {
			fmt.Fprintf(w, "  %s\n", p)
		}
	}
	if verbose {
		for i := range t.Alerts {
			fmt.Fprintf(w, "  alert %s\n", &t.Alerts[i])
		}
	}
}

func indent(s string) string { return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") }
