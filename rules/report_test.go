// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// reportFiles has a file of each kind: clean, with warnings, with another
// shape, with an error in a condition, in the structure, not YAML at all.
func reportFiles() []File {
	long := strings.Repeat("proc.name = a_rather_long_name or ", 8)
	return []File{
		{"clean.yaml", []byte("- list: l\n  items: [a]\n- rule: one\n  desc: d\n  condition: evt.type=open and proc.name in (l)\n  output: o\n  priority: INFO\n")},
		{"warnings.yaml", []byte("- macro: unused\n  condition: evt.type=close\n- list: l\n  items: [b]\n  append: true\n")},
		{"shape.yaml", []byte("- macro: unused\n  condition: evt.type=close\n- rule: two\n  desc: d\n  condition: unused\n  output: o\n  priority: info\n")},
		{"field.yaml", []byte("- rule: three\n  desc: d\n  condition: >\n    evt.type = open and\n    (" + long + "proc.nmae = x or " + long + "fd.name = y)\n  output: o\n  priority: INFO\n")},
		{"structure.yaml", []byte("- rule: four\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: INFO\n  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: word\n")},
		{"syntax.yaml", []byte("- rule: five\n  desc: 'd\n")},
	}
}

func TestReportText(t *testing.T) {
	_, rep := Load(reportFiles(), Options{Validate: true})
	golden(t, "report.txt", rep.Text()+"\n")
}

func TestWhatLaterFilesUseIsNotCalledUnused(t *testing.T) {
	_, r := Load([]File{
		{"words.yaml", []byte("- macro: used\n  condition: evt.type=close\n- macro: idle\n  condition: evt.type=open\n")},
		{"rules.yaml", []byte("- rule: one\n  desc: d\n  condition: used\n  output: o\n  priority: INFO\n")},
	}, Options{})
	r.DropAnswered()
	if n := len(r.Files[0].Warnings); n != 0 {
		t.Errorf("%d warnings are left of the first file", n)
	}
	if text := r.Files[1].Text(); !strings.Contains(text, "idle") || strings.Contains(text, "used'") {
		t.Errorf("of the last file:\n%s", text)
	}
}

func TestReportOfARealLoadIsThatOfTheBadFile(t *testing.T) {
	_, rep := Load(reportFiles(), Options{})
	want := rep.Files[len(rep.Files)-1].Text()
	if err := rep.Err(); err == nil || err.Error() != want || !strings.HasPrefix(want, "field.yaml: Invalid\n") {
		t.Errorf("error %v", err)
	}
}

func TestHintsNameFileLineColumnAndItem(t *testing.T) {
	_, rep := Load(reportFiles(), Options{Validate: true})
	want := []string{
		"field.yaml:5:278, rule 'three': filter_check called with nonexistent field proc.nmae (did you mean 'proc.name'?)",
		"structure.yaml:9:15, rule 'four': Rule exception values must be a sequence",
		"syntax.yaml:3:1: yaml-cpp: error at line 3, column 1: while scanning a quoted scalar: found unexpected end of stream",
	}
	if diff := cmp.Diff(want, rep.Hints()); diff != "" {
		t.Error(diff)
	}
}

func TestHintsFindThePlaceInTheFile(t *testing.T) {
	tests := map[string]struct {
		rule string // from line 4 on
		want string // "line:column"
	}{
		"on one line":         {"  condition: evt.type = open and proc.nmae = x\n", "4:34"},
		"in a folded block":   {"  condition: >\n    evt.type = open and\n    proc.nmae = x\n", "6:5"},
		"the second of two":   {"  condition: evt.type = open and proc.name = proc.nmae and proc.nmae = x\n", "4:60"},
		"behind a list":       {"  condition: evt.type in (opens) and proc.nmae = x\n", "4:38"},
		"the end of the text": {"  condition: evt.type = open and\n", "4:30"},
		"a macro's name":      {"  condition: evt.type = open and (no_macro)\n", "4:35"},
		"a bad value":         {"  condition: evt.type = open and proc.pid = x1y\n", "4:45"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := "- list: opens\n  items: [open, openat]\n- rule: r\n" + tt.rule + "  desc: d\n  output: o\n  priority: INFO\n"
			_, rep := Load([]File{{"a.yaml", []byte(text)}}, Options{})
			h := rep.Hints()
			if len(h) != 1 || !strings.HasPrefix(h[0], "a.yaml:"+tt.want+", rule 'r': ") {
				t.Errorf("%q, want place %s", h, tt.want)
			}
		})
	}
}

func TestReportJSON(t *testing.T) {
	_, rep := Load(reportFiles(), Options{Validate: true})
	var v any
	if err := json.Unmarshal(rep.JSON(), &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(text)+"\n")
}

func TestDescribe(t *testing.T) {
	rs := load(t, matchRules, Options{})
	golden(t, "describe.txt", rs.DescribeText())
	if _, ok := rs.DescribeRuleText("nope"); ok {
		t.Error("a rule that is not there is described")
	}
	one, ok := rs.DescribeRuleJSON("Read below etc")
	var v any
	if err := json.Unmarshal(one, &v); err != nil || !ok {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "describe.json", string(text)+"\n")
}

func TestDescribeWrapsLongDescriptions(t *testing.T) {
	got := wrap(strings.Repeat("word ", 20), nameWidth+1, tableWidth)
	for i, line := range strings.Split(got, "\n") {
		if n := len(strings.TrimSpace(line)); n > tableWidth-nameWidth-1 {
			t.Errorf("line %d has %d columns", i, n)
		}
		if i > 0 && !strings.HasPrefix(line, strings.Repeat(" ", nameWidth+1)+"word") {
			t.Errorf("line %d is not indented: %q", i, line)
		}
	}
}

func TestSchemaIsJSON(t *testing.T) {
	var v map[string]any
	if err := json.Unmarshal(Schema(), &v); err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", string(Schema())+"\n")
}

func TestSnippetShowsTheLineAndAtMostEightyBytesAroundThePlace(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := map[string]struct {
		text string
		at   int
		want string
	}{
		"a line among others":     {"one\ntwo\nthree", 5, "two\n ^\n"},
		"the end of the text":     {"one\ntwo\n", 8, "two\n  ^\n"},
		"far beyond it":           {"one", 99, "one\n  ^\n"},
		"a line break":            {"one\ntwo", 3, "one\n  ^\n"},
		"cut on both sides":       {long + "!" + long, 100, "..." + long[:77] + "!" + long[:77] + "...\n" + strings.Repeat(" ", 80) + "^\n"},
		"an empty text":           {"\n\n", 1, noContext},
		"cut at the end":          {"!" + long, 0, "!" + long[:77] + "...\n^\n"},
		"a short line is not cut": {long[:50], 20, long[:50] + "\n" + strings.Repeat(" ", 20) + "^\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := snippet(tt.text, tt.at); got != tt.want {
				t.Errorf("got:\n%swant:\n%s", got, tt.want)
			}
		})
	}
}

func TestDescribeNamesJustTheGenericCallsThatAreMeant(t *testing.T) {
	set, report := Load([]File{{Name: "r.yaml", Content: []byte(
		"- rule: r\n  desc: d\n  condition: evt.type in (mount_setattr, open)\n  output: o\n  priority: INFO\n")}}, Options{})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if want := `"events":["asyncevent","mount_setattr","open"]`; !strings.Contains(string(set.DescribeJSON()), want) {
		t.Errorf("%s lacks %s", set.DescribeJSON(), want)
	}
}
