// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/cmdline"
)

// rule writes a rule with a condition and an output.
func rule(name, condition, output string) string {
	return fmt.Sprintf("- rule: %s\n  desc: d\n  condition: %s\n  output: %s\n  priority: INFO\n", name, condition, output)
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func TestCheckFinds(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		want   []string // without the summary
		status int
	}{
		"nothing in a good file": {rule("a", "evt.type = open and proc.name = x", "o %fd.name"), nil, StatusOK},
		"misspelt fields": {rule("a", "evt.type = open and proc.nmae = x", "o"), []string{
			"r.yaml:3:34: error: rule 'a': filter_check called with nonexistent field proc.nmae (did you mean 'proc.name'?) [LOAD_ERR_COMPILE_CONDITION]"}, StatusBad},
		"misspelt macros": {"- macro: spawned\n  condition: evt.type = execve\n" + rule("a", "spawnd and proc.name = x", "o"), []string{
			"r.yaml:5:14: error: rule 'a': Undefined macro 'spawnd' used in filter. (did you mean 'spawned'?) [LOAD_ERR_VALIDATE]"}, StatusBad},
		"misspelt keys": {rule("a", "evt.type = open", "o") + "  tagz: [x]\n", []string{
			`r.yaml: note: schema: failed for <root>[0]: Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints: 'tagz'. [CHECK_SCHEMA]`,
			"r.yaml:1:3: warning: rule 'a': Unknown key 'tagz'. The key will be ignored. (did you mean 'tags'?) [LOAD_UNKNOWN_KEY]"}, StatusOK},
		"macros and lists that nothing uses": {"- macro: m\n  condition: evt.type = open\n- list: l\n  items: [a]\n" + rule("a", "evt.type = open", "o"), []string{
			"r.yaml:1:3: warning: macro 'm': Macro not referred to by any other rule/macro [LOAD_UNUSED_MACRO]",
			"r.yaml:3:3: warning: list 'l': List not referred to by any other rule/macro [LOAD_UNUSED_LIST]"}, StatusOK},
		"conditions for every event": {rule("a", "proc.name = x", "o"), []string{
			"r.yaml:1:3: warning: rule 'a': Rule matches too many evt.type values. This has a significant performance penalty. [LOAD_NO_EVTTYPE]"}, StatusOK},
		"a rule that an earlier one hides": {rule("a", "evt.type in (open, openat) and proc.name in (x, y)", "o") + rule("b", "evt.type = open and proc.name = x and proc.pname = z", "o"), []string{
			"r.yaml:6:3: warning: rule 'b': can never fire: every event that it matches is taken by rule 'a' (r.yaml:1) before (rule_matching: all would report both) [CHECK_SHADOWED_RULE]"}, StatusOK},
		"nothing where the earlier one is disabled": {rule("a", "evt.type = open", "o") + "  enabled: false\n" + rule("b", "evt.type = open and proc.name = x", "o"), nil, StatusOK},
		"nothing where the order is right":          {rule("b", "evt.type = open and proc.name = x", "o") + rule("a", "evt.type = open", "o"), nil, StatusOK},
		"event types that exclude each other": {rule("a", "evt.type = open and evt.type = close", "o"), []string{
			"r.yaml:1:3: warning: rule 'a': can never fire: its checks of evt.type rule each other out [CHECK_NEVER_TRUE]"}, StatusOK},
		"checks that exclude each other": {rule("a", "evt.type = open and proc.name = x and proc.name in (y, z)", "o"), []string{
			"r.yaml:1:3: warning: rule 'a': can never fire: proc.name = x and proc.name in (y, z) cannot both hold [CHECK_NEVER_TRUE]"}, StatusOK},
		"nothing about fields of two values": {rule("a", "evt.type = connect and fd.ip = 1.1.1.1 and fd.ip = 2.2.2.2", "o"), nil, StatusOK},
		"fields that the events do not have": {rule("a", "evt.type = execve and fd.name = /etc/x", "o"), []string{
			"r.yaml:1:3: warning: rule 'a': can never fire: fd.name never has a value for the events of the rule (execve) [CHECK_NEVER_TRUE]"}, StatusOK},
		"outputs without a value": {rule("a", "evt.type = execve and proc.name = x", "o %fd.name %evt.arg.newpath %proc.name"), []string{
			"r.yaml:1:3: note: rule 'a': the output's fd.name, evt.arg.newpath never have a value for the events of the rule (execve) [CHECK_NO_VALUE]"}, StatusOK},
		"deprecated fields that have no value any more": {rule("a", "evt.type = open and k8s.deployment.label[app] = x", "o") + rule("b", "evt.type = open and not k8s.svc.name = x", "o %container.healthcheck"), []string{
			"r.yaml:1:3: warning: rule 'a': can never fire: k8s.deployment.label[app] never has a value for the events of the rule (open) [CHECK_NEVER_TRUE]",
			"r.yaml:6:3: note: rule 'b': the output's container.healthcheck never has a value for the events of the rule (open) [CHECK_NO_VALUE]"}, StatusOK},
		"deprecated fields": {rule("a", "evt.type = open and evt.dir = <", "o"), []string{
			"r.yaml:3:14: warning: rule 'a': calls are reported when they return; 'evt.dir = >' asks for their beginning too, which costs time; 'evt.dir = <' is of use only beside such rules [LOAD_DEPRECATED_ITEM]"}, StatusOK},
		"repeated keys": {rule("a", "evt.type = open", "o") + "  priority: ERROR\n", []string{
			`r.yaml: note: schema: failed for <root>[0]: Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints: ''. [CHECK_SCHEMA]`,
			"r.yaml:6:3: warning: key 'priority' is there twice: the first one, on line 5, counts [CHECK_REPEATED]"}, StatusOK},
		"rules that are lost": {rule("a", "evt.type = open", "o") + rule("a", "evt.type = close", "o"), []string{
			"r.yaml:6:9: warning: rule 'a' is defined a second time: the definition on line 1 is lost [CHECK_REPEATED]"}, StatusOK},
		"exceptions without values": {rule("a", "evt.type = open", "o") + "  exceptions:\n    - name: e\n      fields: [proc.name]\n", []string{
			"r.yaml:1:3: note: rule 'a': exception 'e' has no values: it excludes nothing yet [CHECK_EMPTY_EXCEPTION]"}, StatusOK},
		"plugins that are missing": {"- required_plugin_versions: [{name: k8saudit, version: 1.0.0}]\n" + rule("a", "evt.type = open", "o"), []string{
			"r.yaml: warning: Plugin requirement not satisfied, must load one of: k8saudit (>= 1.0.0) [CHECK_PLUGIN_MISSING]"}, StatusOK},
		"nothing at all": {"", []string{"note: there is no rule in any of the files [CHECK_NO_RULES]"}, StatusOK},
		"text that is no YAML": {"- a: [\n", []string{
			"r.yaml:2:1: error: yaml-cpp: error at line 2, column 1: while parsing a flow node: did not find expected node content [LOAD_ERR_YAML_PARSE]"}, StatusBad},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, map[string]string{"r.yaml": c.text})
			var out bytes.Buffer
			status, err := Check(Env{Stdout: &out}, &cmdline.Work{Files: []string{"r.yaml"}})
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			got, want := strings.Join(lines[:len(lines)-1], "\n"), strings.Join(c.want, "\n")
			if err != nil || status != c.status || got != want {
				t.Errorf("status %d, want %d: %v\ngot:\n%s\nwant:\n%s", status, c.status, err, got, want)
			}
		})
	}
}

func TestCheckTellsOfUnusedThingsOnlyAtTheEnd(t *testing.T) {
	write(t, map[string]string{
		"rules.d/a.yaml": "- macro: m\n  condition: evt.type = open\n", "rules.d/b.yaml": rule("a", "m and proc.name = x", "o"),
		"rules.d/c_test.yaml": "tests: []\n", "rules.d/README": "not rules",
	})
	var out bytes.Buffer
	if status, err := Check(Env{Stdout: &out}, &cmdline.Work{Files: []string{"rules.d"}, Strict: true}); status != StatusOK || err != nil {
		t.Errorf("%d %v %s", status, err, out.String())
	}
	if want := "2 files, 1 rule (1 enabled): 0 errors, 0 warnings, 0 notes\n"; out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestCheckStatus(t *testing.T) {
	write(t, map[string]string{"warn.yaml": rule("a", "proc.name = x", "o"), "note.yaml": rule("a", "evt.type = execve", "o %fd.name")})
	for _, c := range []struct {
		file   string
		strict bool
		want   int
	}{
		{"warn.yaml", false, StatusOK}, {"warn.yaml", true, StatusBad}, {"note.yaml", true, StatusOK}, {"ghost.yaml", false, StatusTrouble},
	} {
		var out bytes.Buffer
		status, err := Check(Env{Stdout: &out}, &cmdline.Work{Files: []string{c.file}, Strict: c.strict, JSON: true})
		if status != c.want || (err != nil) != (c.want == StatusTrouble) {
			t.Errorf("%+v: %d %v", c, status, err)
		}
		if err != nil {
			continue
		}
		var rep CheckReport
		if err := json.Unmarshal(out.Bytes(), &rep); err != nil || len(rep.Findings) != 1 || rep.Findings[0].File != c.file {
			t.Errorf("%s: %v", out.String(), err)
		}
	}
}
