// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"
	"testing"
)

const selectionRules = `
- rule: Open file
  desc: d
  condition: evt.type=open
  output: o %proc.name
  priority: NOTICE
  tags: [filesystem, a]
- rule: Spawn shell
  desc: d
  condition: evt.type in (execve, openat)
  output: o %proc.name
  priority: WARNING
  tags: [process, a, b]
- rule: Disabled one
  desc: d
  condition: evt.type=close
  output: o %proc.name
  priority: ERROR
  enabled: false
  tags: [filesystem]
- rule: Connect out
  desc: d
  condition: evt.type in (connect, openat)
  output: o %proc.name
  priority: DEBUG
  tags: [network, b]
`

func TestSwitch(t *testing.T) {
	const open, spawn, off, connect = "Open file", "Spawn shell", "Disabled one", "Connect out"
	tests := map[string]struct {
		switches []Switch
		want     []string
	}{
		"as in the files":            {nil, []string{open, spawn, connect}},
		"by wildcard":                {[]Switch{{false, "*o*n*", ""}}, []string{open, spawn}},
		"by prefix":                  {[]Switch{{false, "Spawn*", ""}}, []string{open, connect}},
		"by substring":               {[]Switch{{false, "*shell*", ""}}, []string{open, connect}},
		"names are case sensitive":   {[]Switch{{false, "open file", ""}}, []string{open, spawn, connect}},
		"what the files disable":     {[]Switch{{true, off, ""}}, []string{open, spawn, off, connect}},
		"later switches win":         {[]Switch{{true, "*", ""}, {false, "*", ""}}, []string{}},
		"none but two tags":          {[]Switch{{false, "*", ""}, {true, "", "network"}, {true, "", "filesystem"}}, []string{open, off, connect}},
		"tags have no wildcard":      {[]Switch{{false, "", "*"}}, []string{open, spawn, connect}},
		"name and tag in one switch": {[]Switch{{false, open, "network"}}, []string{spawn}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rs := load(t, selectionRules, Options{})
			for _, s := range tt.switches {
				rs.Switch(s)
			}
			if got := ruleNames(rs.Enabled()); !slices.Equal(got, tt.want) {
				t.Errorf("enabled %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRulesBelowThePriorityStayOff(t *testing.T) {
	rs := load(t, selectionRules, Options{MinPriority: new(Warning)})
	if n := rs.Switch(Switch{Enable: true, Rule: "*"}); n != 4 {
		t.Errorf("switched %d rules, want 4", n)
	}
	if got, want := ruleNames(rs.Enabled()), []string{"Spawn shell", "Disabled one"}; !slices.Equal(got, want) {
		t.Errorf("enabled %q, want %q", got, want)
	}
}

func TestNeedsNameTheRules(t *testing.T) {
	rs := load(t, selectionRules, Options{})
	got := map[string][]string{}
	for _, n := range rs.Needs() {
		got[n.Syscall.String()] = ruleNames(n.Rules)
	}
	want := map[string][]string{
		"open":    {"Open file"},
		"execve":  {"Spawn shell"},
		"openat":  {"Spawn shell", "Connect out"},
		"connect": {"Connect out"},
	}
	if len(got) != len(want) || rs.Syscalls().Len() != len(want) {
		t.Errorf("needs %v, want %v", got, want)
	}
	for sc, names := range want {
		if !slices.Equal(got[sc], names) {
			t.Errorf("%s for %q, want %q", sc, got[sc], names)
		}
	}
}

func TestAppendOutput(t *testing.T) {
	opts := Options{AppendOutput: []AppendOutput{
		{Output: "user=%user.name"},
		{Tags: []string{"a", "b"}, Output: "parent=%proc.pname"},
		{Rule: "Open file", Fields: []ExtraField{{Key: "proc.pid"}, {Key: "who", Format: "%user.name at %evt.time"}}},
		{Source: "k8s_audit", Output: "never"},
	}}
	rs := load(t, selectionRules, opts)
	for name, want := range map[string]string{
		"Open file":   "o %proc.name user=%user.name",
		"Spawn shell": "o %proc.name user=%user.name parent=%proc.pname",
	} {
		if got := rs.Rule(name).Format; got != want {
			t.Errorf("%s: format %q, want %q", name, got, want)
		}
	}
	if got := rs.Rule("Open file"); len(got.Extra) != 2 || got.Output != "o %proc.name" {
		t.Errorf("extra %v, output %q", got.Extra, got.Output)
	}
	for _, bad := range []AppendOutput{
		{Output: "%no.field"},
		{Fields: []ExtraField{{Key: "no.field"}}},
		{Fields: []ExtraField{{Key: "k", Format: "%no.field"}}},
	} {
		rs, rep := Load([]File{{"a.yaml", []byte(selectionRules)}}, Options{AppendOutput: []AppendOutput{bad}})
		if rs != nil || rep.Files[0].Errors[0].Code != ErrCompileOutput {
			t.Errorf("%v: %v", bad, rep.Err())
		}
	}
}

func TestRequiredPlugins(t *testing.T) {
	tests := map[string]struct {
		require string
		loaded  []Plugin
		want    string // "" when met
	}{
		"container is built in": {"{name: container, version: 0.4.0}", nil, ""},
		"too new": {"{name: container, version: 0.400.0}", nil,
			"Plugin 'container' version '0.7.0' is not compatible with required plugin version '0.400.0'"},
		"not loaded": {"{name: json, version: 1.0.0, alternatives: [{name: k8saudit, version: 2.0.0}]}", nil,
			"Plugin requirement not satisfied, must load one of: json (>= 1.0.0), k8saudit (>= 2.0.0)"},
		"an alternative": {"{name: json, version: 1.0.0, alternatives: [{name: k8saudit, version: 2.0.0}]}",
			[]Plugin{{"k8saudit", "2.1.3"}}, ""},
		"the first that is loaded decides": {"{name: json, version: 1.0.0, alternatives: [{name: k8saudit, version: 2.0.0}]}",
			[]Plugin{{"k8saudit", "2.0.0"}, {"json", "2.0.0"}},
			"Plugin 'json' version '2.0.0' is not compatible with required plugin version '1.0.0'"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := "- required_plugin_versions: [" + tt.require + "]\n"
			rs, rep := Load([]File{{"a.yaml", []byte(text)}}, Options{Plugins: tt.loaded})
			if rep.PluginError != tt.want || (rs != nil) != (tt.want == "") {
				t.Errorf("%q, want %q", rep.PluginError, tt.want)
			}
		})
	}
	t.Run("a missing plugin hides other errors", func(t *testing.T) {
		text := "- required_plugin_versions: [{name: json, version: 1.0.0}]\n- rule: r\n  enabled: true\n"
		_, rep := Load([]File{{"a.yaml", []byte(text)}}, Options{})
		if err := rep.Err(); err == nil || !strings.HasPrefix(err.Error(), "Plugin requirement") {
			t.Errorf("error %v", err)
		}
	})
}

func TestLoadStopsAtTheFirstBadFileUnlessAskedNotTo(t *testing.T) {
	files := []File{{"a.yaml", []byte("word")}, {"b.yaml", []byte(selectionRules)}}
	if rs, rep := Load(files, Options{}); rs != nil || len(rep.Files) != 1 {
		t.Errorf("set %v, %d files judged", rs != nil, len(rep.Files))
	}
	if rs, rep := Load(files, Options{Validate: true}); rs != nil || len(rep.Files) != 2 || !rep.Files[1].OK() {
		t.Errorf("set %v, %d files judged", rs != nil, len(rep.Files))
	}
	if rs, rep := Load(nil, Options{}); rs == nil || !rep.OK() || len(rs.Rules()) != 0 {
		t.Error("no file is no error")
	}
}

func TestParsePriority(t *testing.T) {
	for text, want := range map[string]string{
		"EMERGENCY": "Emergency", "alert": "Alert", "Critical": "Critical", "eRRor": "Error", "WARNING": "Warning",
		"notice": "Notice", "info": "Informational", "INFORMATIONAL": "Informational", "debug": "Debug",
	} {
		if p, ok := ParsePriority(text); !ok || p.String() != want {
			t.Errorf("%q is %v (%v), want %s", text, p, ok, want)
		}
	}
	for _, text := range []string{"", "warn", "3", "information", " debug"} {
		if p, ok := ParsePriority(text); ok {
			t.Errorf("%q is %v", text, p)
		}
	}
}

func TestMatchName(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"Read file", "Read file", true},
		{"Read file", "Read files", false},
		{"*", "", true},
		{"", "x", false},
		{"Read*", "Read file", true},
		{"*file", "Read file now", false},
		{"Read*now*", "Read file now ok", true},
		{"a*a", "a", false},
		{"*ab", "abab", false}, // no way back
		{"*a***b", "zzab", true},
		{"x*", "X", false},
	}
	for _, tt := range tests {
		if got := MatchName(tt.pattern, tt.name); got != tt.want {
			t.Errorf("MatchName(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"spawned_process", "open_read", "open_write", "Read file"}
	for name, want := range map[string]string{
		"spawned_proces":  "spawned_process",
		"spwaned_process": "spawned_process",
		"open_raed":       "open_read",
		"read file":       "Read file",
		"x":               "",
		"container":       "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]string{"0": "0.0.0", "13": "0.13.0", "0.57.0": "0.57.0", "1.2.3-rc1+b": "1.2.3", "1.2.3.4": "1.2.3", "0x10": "0.16.0", "7 ": "0.7.0"} {
		if v, ok := parseEngineVersion(text); !ok || v.String() != want {
			t.Errorf("%q is %v (%v), want %s", text, v, ok, want)
		}
	}
	for _, text := range []string{"", "-1", "0.26", "1.2", "seven", "1..3", "v1.2.3", "1.2.x"} {
		if v, ok := parseEngineVersion(text); ok {
			t.Errorf("%q is %v", text, v)
		}
	}
	if EngineVersion() != "0.62.0" {
		t.Errorf("engine version %s", EngineVersion())
	}
}
