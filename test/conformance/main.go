// SPDX-License-Identifier: Apache-2.0

// Command conformance runs case files, one JSON case a line, through the real
// code and says what passed: one line a file ("name passed/total"), then the
// names of the failed cases. It fails when a case fails. The formats are
// described beside the cases; the area of a file follows from its name.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// area runs one case; nil means that it passed.
type area func(raw json.RawMessage) error

// areas are the kinds of cases, by the beginning of the file's name.
var areas = map[string]area{
	"filter_parse":      runFilterParse,
	"filter_eval":       runFilterEval,
	"event_types":       runEventTypes,
	"syscall_selection": runSelection,
	"output_format":     runOutputFormat,
	"utils":             runUtils,
	"rules_load":        runRulesLoad,
	"describe":          runDescribe,
	"validation_text":   runValidationText,
	"config":            runConfig,
	"rule_selection":    runRuleSelection,
	"cli":               runCLI,
}

// errNoArea is what a case returns whose subject does not exist yet.
var errNoArea = errors.New("does not exist yet")

type options struct {
	verbose bool
	only    string
}

func main() {
	dir := flag.String("cases", "../shared/conformance", "folder of case files")
	var o options
	flag.BoolVar(&o.verbose, "v", false, "say why a case failed")
	flag.StringVar(&o.only, "only", "", "run only the file or case of this name")
	flag.Parse()
	failed, err := runDir(os.Stdout, *dir, o)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	case failed > 0:
		os.Exit(1)
	}
}

// runDir runs every case file of a folder and returns how many cases failed.
func runDir(w io.Writer, dir string, o options) (failed int, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("no case files (*.jsonl) in %s; give their folder with -cases", dir)
	}
	sort.Strings(files)
	for _, f := range files {
		n, err := runFile(w, f, o)
		if err != nil {
			return failed, err
		}
		failed += n
	}
	return failed, nil
}

// areaOf returns the area whose name a file's name begins with.
func areaOf(file string) area {
	best, found := "", area(nil)
	for name, a := range areas {
		if strings.HasPrefix(file, name) && len(name) > len(best) {
			best, found = name, a
		}
	}
	return found
}

type result struct {
	name string
	err  error
}

func runFile(w io.Writer, path string, o options) (failed int, err error) {
	name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
	cases, err := readCases(path)
	if err != nil {
		return 0, err
	}
	run := areaOf(name)
	passed, total := 0, 0
	var bad []result
	missing := map[string]int{}
	for _, c := range cases {
		if o.only != "" && o.only != name && o.only != c.name {
			continue
		}
		total++
		err := errNoArea
		if run != nil {
			err = guard(run, c.raw)
		}
		switch {
		case err == nil:
			passed++
		case errors.Is(err, errNoArea):
			missing[err.Error()]++
		default:
			bad = append(bad, result{c.name, err})
		}
	}
	if total == 0 {
		return 0, nil
	}
	fmt.Fprintf(w, "%s %d/%d%s\n", name, passed, total, absent(missing))
	for _, b := range bad {
		if o.verbose {
			fmt.Fprintf(w, "    %s: %v\n", b.name, b.err)
		} else {
			fmt.Fprintf(w, "    %s\n", b.name)
		}
	}
	return len(bad), nil
}

// absent tells how many cases have a subject that does not exist yet.
func absent(missing map[string]int) string {
	var parts []string
	for why, n := range missing {
		parts = append(parts, fmt.Sprintf("%d not run: %s", n, why))
	}
	if len(parts) == 0 {
		return ""
	}
	sort.Strings(parts)
	return " (" + strings.Join(parts, "; ") + ")"
}

// guard turns a panic into the failure of its case.
func guard(run area, raw json.RawMessage) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return run(raw)
}

type testCase struct {
	name string
	raw  json.RawMessage
}

func readCases(path string) ([]testCase, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var cases []testCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var head struct{ Name string }
		if err := json.Unmarshal(lines.Bytes(), &head); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		cases = append(cases, testCase{head.Name, json.RawMessage(append([]byte(nil), lines.Bytes()...))})
	}
	return cases, lines.Err()
}

// differ returns an error when got is not want.
func differ(what string, got, want any) error {
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) == string(w) {
		return nil
	}
	return fmt.Errorf("%s: got %s, want %s", what, g, w)
}
