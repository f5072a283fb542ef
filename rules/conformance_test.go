// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// cases reads a file of the conformance collection, which lies beside the
// project on some machines. Our own tests cover the same ground without it.
func cases[T any](t *testing.T, name string) []T {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "conformance", name)
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("the conformance collection is not on this machine: %v", err)
	}
	defer f.Close()
	var out []T
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var c T
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

type loadCase struct {
	Name   string
	Files  []string
	Expect struct {
		OK       bool
		Errors   []string
		Warnings []string
		Files    []struct {
			OK       bool
			Errors   []string
			Warnings []string
			Schema   *bool `json:"schema_valid"`
			Message  *string
			Items    *[][2]string
		}
		Conditions map[string]string
	}
}

func numbered(texts []string) []File {
	var out []File
	for i, t := range texts {
		out = append(out, File{Name: fmt.Sprintf("f%d.yaml", i+1), Content: []byte(t)})
	}
	return out
}

func issueCodes(list []Issue) []string {
	out := []string{}
	for _, i := range list {
		out = append(out, string(i.Code))
	}
	slices.Sort(out)
	return out
}

// itemsOf is the way to an issue without its outermost and innermost parts.
func itemsOf(c Context) [][2]string {
	out := [][2]string{}
	for i, l := range c.Locations {
		if i > 0 && l.Type != inCondition {
			out = append(out, [2]string{l.Type, l.Name})
		}
	}
	return out
}

func TestConformanceRulesLoad(t *testing.T) {
	for _, c := range cases[loadCase](t, "rules_load.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			_, rep := Load(numbered(c.Files), Options{Validate: true, Catalog: testCatalog(t)})
			var errs, warns []string
			for i, want := range c.Expect.Files {
				got := &rep.Files[i]
				errs = append(errs, issueCodes(got.Errors)...)
				warns = append(warns, issueCodes(got.Warnings)...)
				if diff := cmp.Diff(want.Errors, issueCodes(got.Errors)); diff != "" {
					t.Errorf("errors of file %d: %s\n%s", i+1, diff, got.Text())
				}
				if diff := cmp.Diff(want.Warnings, issueCodes(got.Warnings)); diff != "" {
					t.Errorf("warnings of file %d: %s\n%s", i+1, diff, got.Text())
				}
				if want.Schema != nil && *want.Schema != (got.Schema == SchemaOK) {
					t.Errorf("schema of file %d: %v %q, want valid %v", i+1, got.Schema, got.SchemaWarnings, *want.Schema)
				}
				if len(got.Errors) == 0 {
					continue
				}
				if want.Message != nil && *want.Message != got.Errors[0].Message {
					t.Errorf("message %q, want %q", got.Errors[0].Message, *want.Message)
				}
				if want.Items != nil {
					if diff := cmp.Diff(*want.Items, itemsOf(got.Errors[0].Context)); diff != "" {
						t.Errorf("context: %s", diff)
					}
				}
			}
			slices.Sort(warns)
			if !slices.Equal(c.Expect.Errors, errs) || !slices.Equal(c.Expect.Warnings, warns) {
				t.Errorf("overall %q %q, want %q %q", errs, warns, c.Expect.Errors, c.Expect.Warnings)
			}
			rs, rep := Load(numbered(c.Files), Options{Catalog: testCatalog(t)})
			if rep.OK() != c.Expect.OK || (rs != nil) != c.Expect.OK {
				t.Fatalf("loaded: %v, want %v", rep.OK(), c.Expect.OK)
			}
			if rs == nil || c.Expect.Conditions == nil {
				return
			}
			conds := map[string]string{}
			for _, r := range rs.Rules() {
				conds[r.Name] = filter.Canonical(r.Tree)
			}
			if diff := cmp.Diff(c.Expect.Conditions, conds); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConformanceValidationText(t *testing.T) {
	type textCase struct {
		Name   string
		Files  map[string]string
		Args   []string
		Exit   int
		Stdout string
		Stderr string `json:"stderr_tail"`
	}
	for _, c := range cases[textCase](t, "validation_text.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			var files []File
			for i := 1; i < len(c.Args); i += 2 {
				files = append(files, File{Name: c.Args[i], Content: []byte(c.Files[c.Args[i]])})
			}
			_, rep := Load(files, Options{Validate: true, Catalog: testCatalog(t)})
			if diff := cmp.Diff(c.Stdout, rep.Text()+"\n"); diff != "" {
				t.Error(diff)
			}
			if rep.OK() != (c.Exit == 0) {
				t.Errorf("ok %v, want exit status %d", rep.OK(), c.Exit)
			}
		})
	}
}

func TestConformanceDescribe(t *testing.T) {
	type describeCase struct {
		Name   string
		Files  []string
		Expect any
	}
	for _, c := range cases[describeCase](t, "describe.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			rs, rep := Load(numbered(c.Files), Options{Catalog: testCatalog(t)})
			if rs == nil {
				t.Fatal(rep.Text())
			}
			var got any
			if err := json.Unmarshal(rs.DescribeJSON(), &got); err != nil {
				t.Fatal(err)
			}
			foldEvents(got)
			if diff := cmp.Diff(c.Expect, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// foldEvents replaces long lists of events as the collection does.
func foldEvents(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if l, ok := e.([]any); ok && k == "events" && len(l) > 80 {
				v[k] = "ALL"
				continue
			}
			foldEvents(e)
		}
	case []any:
		for _, e := range v {
			foldEvents(e)
		}
	}
}

func TestConformanceWildcard(t *testing.T) {
	type utilCase struct {
		Fn   string
		Args []any
		Want any
	}
	n := 0
	for _, c := range cases[utilCase](t, "utils.jsonl") {
		if c.Fn != "rule_name_wildcard" {
			continue
		}
		n++
		if got := MatchName(c.Args[0].(string), c.Args[1].(string)); got != c.Want {
			t.Errorf("MatchName(%q, %q) = %v, want %v", c.Args[0], c.Args[1], got, c.Want)
		}
	}
	if n == 0 {
		t.Error("no case found")
	}
}
