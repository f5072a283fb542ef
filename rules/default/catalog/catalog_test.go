// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
)

func each(t *testing.T, f func(t *testing.T, tactic Tactic, r Rule)) {
	t.Helper()
	tactics, _, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(tactics) < 5 {
		t.Fatalf("only %d files have rules", len(tactics))
	}
	for _, tactic := range tactics {
		for _, r := range tactic.Rules {
			t.Run(r.Name, func(t *testing.T) { f(t, tactic, r) })
		}
	}
}

func TestEveryRuleSaysWhatItIsAbout(t *testing.T) {
	each(t, func(t *testing.T, tactic Tactic, r Rule) {
		if len(r.Purpose) < 80 {
			t.Errorf("the purpose is too short to tell what a hit means: %q", r.Purpose)
		}
		if len(r.FalsePositives) < 20 {
			t.Errorf("false positives: %q", r.FalsePositives)
		}
		if len(r.Techniques) == 0 {
			t.Errorf("no ATT&CK technique in %v", r.Tags)
		}
		if own := strings.TrimSuffix(tactic.File, ".yaml"); !slices.Contains(r.Tactics, own) && own != "container_escape" {
			t.Errorf("stands in %s and has the tags %v", tactic.File, r.Tags)
		}
		if !slices.Contains(r.Tags, "host") && !slices.Contains(r.Tags, "container") {
			t.Errorf("is neither about hosts nor containers: %v", r.Tags)
		}
		if why := slices.ContainsFunc(r.Tags, func(tag string) bool { return strings.HasPrefix(tag, "maturity_") }); why == r.Enabled {
			t.Errorf("enabled is %v, the tags are %v: rules that are off have maturity_..., others not", r.Enabled, r.Tags)
		}
		if !strings.HasPrefix(r.Output, r.Name+" (") && !strings.HasPrefix(r.Output, r.Name+"\n(") {
			t.Errorf("the output does not begin with the rule's name: %.60s", r.Output)
		}
	})
}

// What whoever is woken at night needs to see.
func TestEveryAlertHasTheContextOfItsProcess(t *testing.T) {
	each(t, func(t *testing.T, _ Tactic, r Rule) {
		for _, field := range []string{
			"proc.name", "proc.cmdline", "proc.exepath", "proc.pname", "proc.aname[2]", "user.name", "user.uid", "user.loginuid",
			"proc.tty", "container.id", "container.name", "container.image.repository",
		} {
			if !slices.Contains(r.OutputFields(), field) {
				t.Errorf("the output lacks %%%s", field)
			}
		}
	})
}

// What can be tuned is there, and changing it changes the rule. All lists are
// changed at once, and all macros, each so that it can be told from the others.
func TestEveryRuleCanBeTuned(t *testing.T) {
	names := map[string]bool{}
	each(t, func(t *testing.T, _ Tactic, r Rule) {
		if len(r.Tune) == 0 {
			t.Error("nothing to tune")
		}
		for _, name := range r.Tune {
			names[name] = true
		}
	})
	mark := map[string]string{} // what the tree of a rule shows of a changed item
	var lists, macros strings.Builder
	for i, name := range slices.Sorted(maps.Keys(names)) {
		switch defined(name) {
		case "list":
			mark[name] = "tuned_" + name
			fmt.Fprintf(&lists, "- list: %s\n  items: [%s]\n  override: {items: append}\n", name, mark[name])
		case "macro":
			mark[name] = fmt.Sprintf("evt.num = %d", 470000+i)
			fmt.Fprintf(&macros, "- macro: %s\n  condition: (%s)\n  override: {condition: replace}\n", name, mark[name])
		}
	}
	withLists, withMacros := changed(t, lists.String()), changed(t, macros.String())
	each(t, func(t *testing.T, _ Tactic, r Rule) {
		for _, name := range r.Tune {
			if mark[name] == "" {
				t.Errorf("%s is neither a list nor a macro", name)
			} else if !strings.Contains(withLists.Rule(r.Name).Tree.String()+withMacros.Rule(r.Name).Tree.String(), mark[name]) {
				t.Errorf("changing %s does not change the rule", name)
			}
		}
	})
}

// defined says whether a name is that of a list or a macro.
func defined(name string) string {
	m := regexp.MustCompile(`(?m)^- (list|macro): ` + regexp.QuoteMeta(name) + `$`).FindSubmatch(defaultrules.Content())
	if m == nil {
		return ""
	}
	return string(m[1])
}

// changed loads the default rules and a change.
func changed(t *testing.T, change string) *rules.Ruleset {
	t.Helper()
	set, report := rules.Load([]rules.File{
		{Name: "default.yaml", Content: defaultrules.Content()}, {Name: "own.yaml", Content: []byte(change)},
	}, rules.Options{})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEveryRuleHasScenariosAndATest(t *testing.T) {
	tested := map[string]bool{}
	files, err := filepath.Glob("../tests/*_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, name := range expected(t, f) {
			tested[name] = true
		}
	}
	each(t, func(t *testing.T, _ Tactic, r Rule) {
		if len(r.Provoke) == 0 || len(r.NearMiss) == 0 {
			t.Errorf("provoked by %v, near misses %v: write both in the comment above the rule", r.Provoke, r.NearMiss)
		}
		if !tested[r.Name] {
			t.Error("no test in rules/default/tests expects it")
		}
	})
}

// expected returns the rules that the tests of a file expect.
func expected(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tests []struct{ Expect any }
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var names []string
	for _, test := range doc.Tests {
		list, _ := test.Expect.([]any)
		for _, e := range list {
			switch e := e.(type) {
			case string:
				names = append(names, e)
			case map[string]any:
				name, _ := e["rule"].(string)
				names = append(names, name)
			}
		}
	}
	return names
}

func TestTheVocabularyLoadsFirst(t *testing.T) {
	var names []string
	for _, f := range defaultrules.Files() {
		names = append(names, f.Name)
	}
	if names[0] != "default/00-vocabulary.yaml" || !slices.IsSorted(names) {
		t.Errorf("the files load as %v", names)
	}
	if n := strings.Count(string(defaultrules.Content()), "required_engine_version"); n != 1 {
		t.Errorf("the version of the engine is required %d times", n)
	}
}

func TestTheEmbeddedFilesLoadAsOneText(t *testing.T) {
	_, set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	one, report := rules.Load([]rules.File{{Name: defaultrules.FileName, Content: defaultrules.Content()}}, rules.Options{})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if len(report.Files[0].Warnings) > 0 {
		t.Errorf("the rules load with warnings:\n%s", report.Text())
	}
	if len(one.Rules()) != len(set.Rules()) {
		t.Fatalf("%d rules as one text, %d as files", len(one.Rules()), len(set.Rules()))
	}
	for i, r := range one.Rules() {
		if r.Name != set.Rules()[i].Name || r.Condition != set.Rules()[i].Condition {
			t.Errorf("rule %d is %q as one text, %q as files", i, r.Name, set.Rules()[i].Name)
		}
	}
}

func TestTheCommentAboveARuleIsChecked(t *testing.T) {
	const rule = "- rule: one\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: INFO\n"
	for comment, want := range map[string]string{
		"# provoke: a, b\n#   c\n# near miss: d\n": "",
		"# provok: a\n":  `the key "provok"`,
		"# some prose\n": "neither provoke nor near miss",
	} {
		tactics, _, err := Read([]defaultrules.File{{Name: "default/x.yaml", Content: []byte("# Title.\n\n" + comment + rule)}})
		if want == "" {
			if err != nil {
				t.Fatal(err)
			}
			if r := tactics[0].Rules[0]; strings.Join(r.Provoke, " ") != "a b c" || strings.Join(r.NearMiss, " ") != "d" {
				t.Errorf("provoke %v, near miss %v", r.Provoke, r.NearMiss)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", comment, err)
		}
	}
}

// Whatever stands above a rule is read or refused.
func FuzzComment(f *testing.F) {
	f.Add("# provoke: a, b\n#   c\n# near miss: d\n")
	f.Add("# provok: a\n")
	f.Add("#\n#:\n# , ,\n")
	const rule = "- rule: one\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: INFO\n"
	f.Fuzz(func(t *testing.T, comment string) {
		tactics, _, err := Read([]defaultrules.File{{Name: "default/x.yaml", Content: []byte(comment + rule)}})
		if err == nil && len(tactics) > 0 {
			Markdown(tactics)
		}
	})
}
