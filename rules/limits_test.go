// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// bombLimit is what no bomb that was let through would keep to, and a busy machine
// does.
const bombLimit = 2 * time.Minute

// Files that are small but would grow beyond all measure must be refused
// quickly.
func TestBombsAreRefused(t *testing.T) {
	tests := map[string]struct {
		text string
		code Code
		msg  string
	}{
		"aliases that multiply":         {aliasBomb(), ErrYAMLValidate, "too many values"},
		"an alias of itself":            {"- rule: r\n  append: true\n  exceptions:\n    - name: e\n      values: &v [*v]\n", ErrYAMLValidate, ""},
		"deep flow sequences":           {"- " + strings.Repeat("[", 5000), ErrYAMLParse, ""},
		"a deep condition":              {ruleText(strings.Repeat("(", 5000) + "evt.type=open" + strings.Repeat(")", 5000)), ErrCompileCondition, ""},
		"lists in lists in conditions":  {listBomb(), ErrValidate, "too long"},
		"one list many times":           {wideBomb(), ErrValidate, "too long"},
		"macros that use another twice": {macroBomb(), ErrValidate, "too large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			rs, rep := Load([]File{{"bomb.yaml", []byte(tt.text)}}, Options{})
			if rs != nil || rep.OK() {
				t.Fatal("loaded")
			}
			got := rep.Files[0].Errors[0]
			if got.Code != tt.code || !strings.Contains(got.Message, tt.msg) {
				t.Errorf("%s: %s, want %s with %q", got.Code, got.Message, tt.code, tt.msg)
			}
			if d := time.Since(start); d > bombLimit {
				t.Errorf("took %v", d)
			}
		})
	}
}

// What is appended again and again is copied each time.
func TestAppendingForEverIsRefused(t *testing.T) {
	text := ruleText("evt.type = open") + strings.Repeat("- {rule: r, append: true, condition: "+strings.Repeat("or evt.type = close ", 40)+"}\n", 4000)
	start := time.Now()
	_, rep := Load([]File{{"bomb.yaml", []byte(text)}}, Options{})
	if rep.OK() || rep.Files[0].Errors[0].Message != "Too much is appended, again and again" {
		t.Errorf("%.200v", rep.Err())
	}
	if d := time.Since(start); d > bombLimit {
		t.Errorf("took %v", d)
	}
	if n := len(rep.Files[0].Warnings); n > maxWarnings {
		t.Errorf("%d warnings", n)
	}
}

func TestALargeFileIsRefused(t *testing.T) {
	_, rep := Load([]File{{"large.yaml", []byte(strings.Repeat("# nothing\n", MaxFileSize/10+1))}}, Options{})
	if rep.OK() || !strings.Contains(rep.Files[0].Errors[0].Message, "line 1, column 1: the file is larger than 16 MiB") {
		t.Errorf("%.200v", rep.Err())
	}
}

func TestManyLargeConditionsAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("- macro: m0\n  condition: evt.type=open\n")
	for i := 1; i < 13; i++ {
		fmt.Fprintf(&b, "- macro: m%d\n  condition: m%d or m%d\n", i, i-1, i-1)
	}
	for i := range 200 {
		b.WriteString(strings.Replace(ruleText(fmt.Sprintf("m12 and proc.pid = %d", i)), "rule: r", fmt.Sprintf("rule: r%d", i), 1))
	}
	_, rep := Load([]File{{"bomb.yaml", []byte(b.String())}}, Options{})
	if rep.OK() || !strings.Contains(rep.Files[0].Errors[0].Message, "too large together") {
		t.Errorf("%v", rep.Err())
	}
}

// A machine may write a file without line ends.
func TestOneLongLineIsReadQuickly(t *testing.T) {
	for _, letter := range []string{"o", "ö"} {
		var b strings.Builder
		b.WriteString("[")
		for i := range 2000 {
			fmt.Fprintf(&b, "{macro: m%d, condition: proc.name = %s}, ", i, strings.Repeat(letter, 100))
		}
		b.WriteString("{macro: last}]")
		start := time.Now()
		_, rep := Load([]File{{"long.yaml", []byte(b.String())}}, Options{})
		if rep.OK() {
			t.Fatal("loaded")
		}
		at := rep.Files[0].Errors[0].Context.Locations[1].Position
		if at.Offset != b.Len()-len("{macro: last}]") || at.Column != at.Offset {
			t.Errorf("error at %+v, want the last item of %d bytes", at, b.Len())
		}
		if d := time.Since(start); d > bombLimit {
			t.Errorf("took %v", d)
		}
	}
}

func ruleText(cond string) string {
	return "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: " + cond + "\n"
}

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("- list: a\n  items: []\n  x0: &x0 [v, v, v, v, v, v, v, v, v, v]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "  x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	b.WriteString("- rule: r\n  append: true\n  exceptions:\n    - name: e\n      values: *x8\n")
	return b.String()
}

func listBomb() string {
	var b strings.Builder
	for i := 0; i < 40; i++ {
		fmt.Fprintf(&b, "- list: l%d\n  items: [%s]\n", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("l%d, ", i+1), 10), ", "))
	}
	return b.String() + ruleText("proc.name in (l0)")
}

func wideBomb() string {
	return "- list: l\n  items: [" + strings.Repeat("value, ", 20000) + "v]\n" +
		ruleText("proc.name in ("+strings.Repeat("l, ", 20000)+"l)")
}

func macroBomb() string {
	var b strings.Builder
	b.WriteString("- macro: m0\n  condition: evt.type=open\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "- macro: m%d\n  condition: m%d or m%d\n", i, i-1, i-1)
	}
	return b.String() + ruleText("m59")
}

// Columns of rules count bytes.
func TestWhatYAMLDoesNotAllowIsNamedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"- list: a\n  items: [\x00]\n":     "line 2, column 11: control characters",
		"- list: é\n  items: [é\x01]\n":    "line 2, column 13: control characters",
		"- list: a\n  items: [\"\xff\"]\n": "line 2, column 12: invalid leading UTF-8",
	} {
		_, rep := Load([]File{{"f.yaml", []byte(text)}}, Options{})
		if rep.OK() || !strings.Contains(rep.Files[0].Errors[0].Message, want) {
			t.Errorf("%q: %v, want %s", text, rep.Err(), want)
		}
	}
}
