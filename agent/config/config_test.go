// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// load loads main.yaml of the given files with options, in a folder of its own.
func load(t *testing.T, files map[string]string, options ...string) (*Config, error) {
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
	s := Source{Overrides: options, Search: []string{"main.yaml"}, Env: func(name string) (string, bool) {
		v, ok := map[string]string{"A": "alpha", "NEST": "${A}", "LOOP": "x${LOOP}", "P": "9000"}[name]
		return v, ok
	}}
	return Load(s)
}

func must(t *testing.T, files map[string]string, options ...string) *Config {
	t.Helper()
	c, err := load(t, files, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func main(text string) map[string]string { return map[string]string{"main.yaml": text} }

func TestDefaultsWithoutAFile(t *testing.T) {
	c := must(t, nil)
	if !c.Stdout || !c.LogStderr || c.LogSyslog || c.MainFile != "" || c.Engine.Kind != "auto" || len(c.Reports) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestDefaultsWithAFileThatSaysNothing(t *testing.T) {
	c := must(t, main(""))
	if c.Stdout || c.LogStderr || !c.LogSyslog || c.Priority != "debug" || !c.JSONTags || c.Engine.ModernPreset != 4 || c.Drops.Threshold != 0.1 {
		t.Errorf("%+v", c)
	}
}

func TestEveryKeyHasAWorkingDefaultAndADescription(t *testing.T) {
	seen := map[string]bool{}
	for i := range Keys {
		k := &Keys[i]
		if k.Doc == "" || seen[k.Path] {
			t.Errorf("%s: description %q, seen before: %v", k.Path, k.Doc, seen[k.Path])
		}
		seen[k.Path] = true
		if k.dst == nil {
			continue
		}
		dst := k.dst(new(Config))
		if _, list := dst.(*[]string); !list && !setScalar(dst, k.Default) {
			t.Errorf("%s: the default %q does not convert", k.Path, k.Default)
		}
	}
}

func TestValuesThatDoNotConvertTakeTheDefault(t *testing.T) {
	c := must(t, main("webserver: {listen_port: abc, threadiness: -1}\njson_output: maybe\nfalco_libs: {thread_table_size: 1.5}\n"))
	if c.Webserver.Port != 8765 || c.Webserver.Threads != 0 || c.JSONOutput || c.ThreadTableSize != 262144 {
		t.Errorf("%+v", c)
	}
	if c.Reports[0].Status != "failed" {
		t.Error("the schema check missed it")
	}
}

func TestBooleansOfYAML11(t *testing.T) {
	for text, want := range map[string]bool{"yes": true, "On": true, "TRUE": true, "y": true, "no": false, "Off": false, "N": false} {
		if got, ok := ParseBool(text); !ok || got != want {
			t.Errorf("%s is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "1", "tRUE", "yEs", "truee"} {
		if _, ok := ParseBool(text); ok {
			t.Errorf("%q is a boolean", text)
		}
	}
}

func TestExpansion(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "alpha", "NEST": "${A}", "LOOP": "${LOOP}"}[name]
		return v, ok
	}
	for in, want := range map[string]string{
		"${A}": "alpha", "x${A}${A}y": "xalphaalphay", "${NONE}": "", "$A": "$A", "$${A}": "${A}", "$${A}${A}": "${A}alpha",
		"${NEST}": "alpha", "${A": "${A", "a$b${A}": "a$b${A}", "${A}$b": "alpha$b", "$$A": "$$A", "$": "$", "${LOOP}": "${LOOP}",
	} {
		if got := Expand(in, env); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestExpansionComesBeforeTyping(t *testing.T) {
	c := must(t, main("webserver: {listen_port: '${P}'}\nrules_files: ['${A}.yaml']\n"), "priority=error", "engine.replay.capture_file=${A}")
	if c.Webserver.Port != 9000 || c.RulesFiles[0] != "alpha.yaml" {
		t.Errorf("port %d, rules %v", c.Webserver.Port, c.RulesFiles)
	}
	if c.Engine.CaptureFile != "${A}" {
		t.Errorf("an option was expanded: %s", c.Engine.CaptureFile)
	}
}

func TestOptionPaths(t *testing.T) {
	for _, c := range []struct {
		name    string
		file    string
		options []string
		want    map[string]string
	}{
		{"a scalar", "json_output: false", []string{"json_output=true"}, map[string]string{"json_output": "true"}},
		{"the last one wins", "", []string{"priority=error", "priority=alert"}, map[string]string{"priority": "alert"}},
		{"new blocks are made", "", []string{"a.b.c=1"}, map[string]string{"a.b.c": "1"}},
		{"an item of a list", "rules_files: [x, y]", []string{"rules_files[1]=z"}, map[string]string{"rules_files[0]": "x", "rules_files[1]": "z"}},
		{"one behind the last item", "rules_files: [x]", []string{"rules_files[1]=z"}, map[string]string{"rules_files[1]": "z"}},
		{"a gap makes a map", "rules_files: [x]", []string{"rules_files[3]=z"}, map[string]string{"rules_files.0": "x", "rules_files.3": "z"}},
		{"empty brackets append", "", []string{"rules[].disable.rule=*", "rules[].enable.tag=x"},
			map[string]string{"rules[0].disable.rule": "*", "rules[1].enable.tag": "x"}},
		{"an index is the number that the brackets begin with", "l: [x, y]", []string{"l[ 1st]=z", "l[+0]=w"}, map[string]string{"l[0]": "w", "l[1]": "z"}},
		{"an index behind another", "l: [[x, y], [z]]", []string{"l[0][1]=q", "l[2][0]=w"}, map[string]string{"l[0][1]": "q", "l[1][0]": "z", "l[2][0]": "w"}},
		{"an index behind an escaped dot", "", []string{`a\.[0]=1`}, map[string]string{`a\.[0]`: "1"}},
		{"a closing bracket is part of a name", "", []string{"a]=1"}, map[string]string{"a]": "1"}},
		{"a negative index makes a map", "l: [x]", []string{"l[-1]=z"}, map[string]string{"l.0": "x", "l.-1": "z"}},
		{"files to include are set before and again after the including", "config_files: []", []string{"config_files[]=a"}, map[string]string{"config_files[0]": "a", "config_files[1]": "a"}},
		{"a name below a list makes a map", "append_output: [{extra_output: x}]", []string{"append_output.suggested_output=false"},
			map[string]string{"append_output.0.extra_output": "x", "append_output.suggested_output": "false"}},
		{"an object", "", []string{`metrics={"interval": "10s", "output_rule": true}`}, map[string]string{"metrics.interval": "10s"}},
		{"brackets in a value mean nothing", "", []string{"capture.path_prefix=[a, b]"}, map[string]string{"capture.path_prefix": "[a, b]"}},
		{"escaped dots", "", []string{`x.a\.b=1`}, map[string]string{`x.a\.b`: "1"}},
		{"a dot at the end", "", []string{"a.=x"}, map[string]string{"a": "x"}},
		{"more equal signs belong to the value", "", []string{"priority=error", "a=b=c"}, map[string]string{"a": "b=c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := must(t, main(c.file), c.options...)
			for key, want := range c.want {
				if got, ok := cfg.Text(key); got != want || !ok {
					t.Errorf("%s is %q (%v), want %q", key, got, ok, want)
				}
			}
		})
	}
}

func TestMalformedPathsAreErrors(t *testing.T) {
	for option, want := range map[string]string{
		"json_output":                  `Error parsing config option "json_output". Must be of the form key=val or key.subkey=val`,
		"a..b=x":                       `Config error at key "a..b": Parsing error: unexpected character at pos 2`,
		".a=x":                         `Config error at key ".a": Parsing error: unexpected character at pos 0`,
		"=x":                           `Config error at key "": Parsing error: the key is empty`,
		"rules_files[x]=r":             `Config error at key "rules_files[x]": Parsing error: expected a numeric index, found 'x'`,
		"a.[0]=1":                      `Config error at key "a.[0]": Parsing error: unexpected character at pos 2`,
		"a[0].[1]=1":                   `Config error at key "a[0].[1]": Parsing error: unexpected character at pos 5`,
		"a[][]=1":                      `Config error at key "a[][]": Parsing error: unexpected character at pos 3`,
		"rules[0]enable.rule=b":        `Config error at key "rules[0]enable.rule": Parsing error: expected '.' character at pos 7`,
		"rules[0=b":                    `Config error at key "rules[0": Parsing error: expected a numeric index, found '0'`,
		`a\x=1`:                        `Config error at key "a\x": Parsing error: invalid escape sequence '\x' at pos 1`,
		`a\=1`:                         `Config error at key "a\": Parsing error: trailing backslash at pos 1`,
		"webserver=5":                  `Config error at key "webserver.enabled": -o webserver=5 is a single value and has no keys below it`,
		"priority.sub=1":               `Config error at key "priority.sub": main.yaml:1:11 is a single value and has no keys below it`,
		"webserver[]=1":                `Config error at key "webserver[]": Parsing error: expected a numeric index, found ''`,
		"metrics={a: [1}":              `Config error at key "metrics": the value is not an object: `,
		"rules[].disable.rul=*":        "rules: an entry must enable or disable a rule or a tag: bad conversion",
		"priority=loud":                `Unknown priority "loud"--must be one of emergency, alert, critical, error, warning, notice, informational, debug (-o priority=loud)`,
		"log_level=INFO":               "Unknown log level INFO (-o log_level=INFO)",
		"log_format=xml":               "log_format 'xml' is not a format. Use text or json",
		"engine.kind=ebpf":             "Error reading config file (main.yaml): engine.kind 'ebpf' is not a valid kind.",
		"engine.kind=replay":           "engine.kind is 'replay' but no engine.replay.capture_file specified.",
		"load_plugins[]=ghost":         "Cannot load plugin 'ghost': plugin config not found for given name",
		"rules_file=x":                 "both 'rules_files' and 'rules_file' keys set",
		"file_output.enabled=on":       "file output enabled but no filename in configuration block",
		"base_syscalls.state_set=0.34": "base_syscalls.state_set '0.34' is not a known generation",
	} {
		_, err := load(t, main("priority: debug\nwebserver: {enabled: false}\nrules_files: [r.yaml]\n"), option)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", option, err, want)
		}
	}
}

func TestErrorsNameFileLineAndColumn(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nengine:\n  kind: floppy\n": "engine.kind 'floppy' is not a valid kind. Use one of modern_ebpf, kmod, bpf, auto, replay, nodriver (main.yaml:3:9)",
		"a: [1\n":                         "Cannot read config file (main.yaml): yaml: line 2, column 1: did not find expected ',' or ']' (while parsing a flow sequence)",
		"- a\n":                           "main.yaml:1:1: a configuration is a map of keys, this is a list",
		"rules:\n  - toggle: {rule: a}\n": "main.yaml:2:5: rules: an entry must enable or disable a rule or a tag",
		"append_output:\n  - extra_fields: [{a: x}, {a: y}]": "main.yaml:2:28: append_output: the extra field \"a\" is there twice",
		"plugins: [{name: x}]":                               "could not load plugins config: plugin \"x\" lacks 'library_path' (main.yaml:1:11)",
		"plugins: [{name: x, library_path: ../../x.so}]":     "resolves outside the plugins directory",
	} {
		_, err := load(t, main(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestIncludes(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  map[string]string // "" stands for absent
	}{
		{"append joins lists and replaces scalars", map[string]string{
			"main.yaml": "config_files: [a.yaml]\nrules_files: [r]\npriority: error\n", "a.yaml": "rules_files: [x]\npriority: alert\n",
		}, map[string]string{"rules_files[0]": "r", "rules_files[1]": "x", "priority": "alert"}},
		{"override replaces lists", map[string]string{
			"main.yaml": "config_files: [{path: a.yaml, strategy: override}]\nrules_files: [r]\n", "a.yaml": "rules_files: [x]\n",
		}, map[string]string{"rules_files[0]": "x", "rules_files[1]": ""}},
		{"add-only keeps what is there", map[string]string{
			"main.yaml": "config_files: [{path: a.yaml, strategy: add-only}]\npriority: error\n", "a.yaml": "priority: alert\njson_output: true\n",
		}, map[string]string{"priority": "error", "json_output": "true"}},
		{"a folder in byte order", map[string]string{
			"main.yaml": "config_files: d\n", "d/b": "priority: alert\n", "d/a.yaml": "priority: error\n", "d/sub/c": "priority: debug\n",
		}, map[string]string{"priority": "alert"}},
		{"an empty list adds nothing", map[string]string{
			"main.yaml": "config_files: [a.yaml]\n", "a.yaml": "load_plugins: []\n",
		}, map[string]string{"load_plugins": ""}},
		{"missing files are skipped", map[string]string{"main.yaml": "config_files: [nope]\npriority: error\n"}, map[string]string{"priority": "error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := must(t, c.files)
			for key, want := range c.want {
				if got, _ := cfg.Text(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestIncludesDoNotNest(t *testing.T) {
	_, err := load(t, map[string]string{"main.yaml": "config_files: [a.yaml]", "a.yaml": "config_files: [b]"})
	if err == nil || err.Error() != "Config error: 'config_files' directive in included config file a.yaml." {
		t.Error(err)
	}
	_, err = load(t, map[string]string{"main.yaml": "config_files: [main.yaml]"})
	if err == nil || err.Error() != "Config error: 'config_files' directive tried to recursively include main config file: main.yaml." {
		t.Error(err)
	}
}

func TestIncludesFromTheCommandLine(t *testing.T) {
	c := must(t, map[string]string{"main.yaml": "priority: error", "a.yaml": "priority: alert\njson_output: true"}, "config_files[]=a.yaml", "priority=debug")
	if c.Priority != "debug" || !c.JSONOutput || len(c.Reports) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestUnknownKeysAreWarnedAboutWithASuggestion(t *testing.T) {
	for option, want := range map[string]string{
		"json_outpt=true":              `unknown configuration key "json_outpt"; did you mean "json_output"?`,
		"engine.knd=auto":              `unknown configuration key "engine.knd"; did you mean "engine.kind"?`,
		"listen_port=1":                `unknown configuration key "listen_port"; did you mean "webserver.listen_port"?`,
		"frobnicate=1":                 `unknown configuration key "frobnicate"; it is kept but nothing reads it`,
		"append_output[].extra_out=x":  `unknown configuration key "append_output[].extra_out"; did you mean "append_output.extra_output"?`,
		"static_fields.anything=1":     "",
		"plugins[].init_config.deep=1": "",
		"rules[].enable.tag=x":         "",
		"config_files[].path=x":        "",
	} {
		c, err := load(t, main("plugins: []"), option)
		if strings.HasPrefix(option, "plugins") {
			if err == nil {
				t.Errorf("%s: a plugin without name passed", option)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", option, err)
			continue
		}
		got := strings.Join(c.Warnings, "\n")
		if got != want {
			t.Errorf("%s: %q, want %q", option, got, want)
		}
	}
}

func TestSchemaCheck(t *testing.T) {
	for text, want := range map[string]string{
		"json_output: true\nengine: {kind: kmod}\n": "",
		"json_output: yes\n":                        `<root>[json_output]: must be true or false, is "yes". (line 1, column 14)`,
		"webserver: {}\n":                           "<root>[webserver]: must have at least one key. (line 1, column 12)",
		"webserver: {listen_prt: 1}\n":              `<root>[webserver]: unknown key "listen_prt". Did you mean "listen_port"? (line 1, column 13)`,
		"engine: {kmod: {buf_size_preset: 1}}\n":    `<root>[engine]: lacks the required key "kind". (line 1, column 9)`,
		"rules_files: x\n":                          "<root>[rules_files]: must be a list, is a single value. (line 1, column 14)",
		"capture: {max_file_size_mb: 2000000}\n":    "<root>[capture][max_file_size_mb]: must lie between 0 and 1048576, is 2000000. (line 1, column 29)",
		"config_files: [{path: x, strategy: no}]\n": "<root>[config_files][0]: the value has none of the allowed shapes. (line 1, column 16)",
		"static_fields: {a: b, n: 3}\n":             "",
	} {
		n, _, err := parse([]byte(text), "f", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := Check(n); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestJSONSchemaNamesEveryKey(t *testing.T) {
	var doc struct {
		Definitions map[string]map[string]any
	}
	if err := json.Unmarshal(JSONSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys {
		if k.shape == hidden {
			continue
		}
		at := doc.Definitions["TiercelConfig"]
		for _, part := range strings.Split(k.Path, ".") {
			props, _ := at["properties"].(map[string]any)
			at, _ = props[part].(map[string]any)
		}
		if at == nil || at["description"] == nil {
			t.Errorf("%s is not in the schema", k.Path)
		}
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	_, err := Load(Source{File: "/nowhere/x.yaml"})
	if !errors.Is(err, ErrNoFile) || err.Error() != "Could not find configuration file at /nowhere/x.yaml" {
		t.Error(err)
	}
}

func TestInterval(t *testing.T) {
	for text, want := range map[string]uint64{
		"1h30m": 5400000, "100ms": 100, "1w 2d": 777600000, "10": 0, "": 0, "1ms1s": 0, "1s1s": 0, "-1s": 0, "99999999999999999999y": 0,
	} {
		if got := ParseInterval(text); got != want {
			t.Errorf("%q is %d ms, want %d", text, got, want)
		}
	}
}

func TestDumpParsesBack(t *testing.T) {
	c := must(t, main("engine: {kind: auto}\nrules_files: [a, 'b: c']\nnull_key:\nnote: '- x'\n"))
	again, _, err := parse([]byte(c.Dump()), "dump", nil)
	if err != nil {
		t.Fatalf("%v in %s", err, c.Dump())
	}
	var back, first strings.Builder
	again.dump(&back)
	c.tree.dump(&first)
	if d := cmp.Diff(first.String(), back.String()); d != "" {
		t.Error(d)
	}
}

func TestScalarsConvertLikeTheReference(t *testing.T) {
	for text, want := range map[string]uint32{
		"0x10": 16, "010": 8, "+5": 5, `"5 "`: 5, "'7'": 7, "+0x1F": 31,
		"08": 8765, "-5": 8765, `" 5"`: 8765, "1.5": 8765, "1e3": 8765, "4294967296": 8765, "1_000": 8765, "~": 8765, `""`: 8765,
	} {
		c, err := load(t, map[string]string{"main.yaml": "webserver: {listen_port: " + text + "}\n"})
		if err != nil || c.Webserver.Port != want {
			t.Errorf("%s: %v, %v, want %d", text, c, err, want)
		}
	}
	for text, want := range map[string]float64{".5": .5, "1.": 1, "5e-1": .5, "010": 10, "0x1": 1, ".inf": math.Inf(1), "inf": 1, "1_0": 1} {
		c, err := load(t, map[string]string{"main.yaml": "syscall_event_drops: {max_burst: " + text + "}\n"})
		if err != nil || c.Drops.Burst != want {
			t.Errorf("%s: %v, %v, want %v", text, c, err, want)
		}
	}
}

func TestUnusualConfigurations(t *testing.T) {
	for text, want := range map[string]string{
		"priority:":                          `Unknown priority "null"`,
		"log_level: ~":                       "Unknown log level null",
		"rules: x":                           "bad conversion",
		"rules: {enable: {rule: x}}":         "",
		"append_output: x":                   "bad conversion",
		"append_output: [{extra_fields: ~}]": "bad conversion",
		"append_output: [{suggested_output: maybe}]":           "bad conversion",
		"append_output: [{match: {tags: [[a]]}}]":              "bad conversion",
		"append_output: [{match: {tags: a}}]":                  "",
		"plugins: {name: x}":                                   "",
		"plugins: x":                                           "could not load plugins config",
		"rules_files: [[a]]":                                   "bad conversion",
		"config_files: {path: x}":                              "",
		"config_files: [[a]]":                                  "bad conversion",
		"config_files: ['']":                                   "",
		"config_files: [{path: [a]}]":                          "bad conversion",
		"config_files: [{path: a, strategy: {b: c}}]":          "bad conversion",
		"static_fields: {a: [b]}":                              "bad conversion",
		"static_fields: {a: ~}":                                "",
		"append_output: [{extra_fields: [{a: ~}]}]":            "",
		"rules: [{enable: {rule: [a], tag: b}}]":               "bad conversion",
		"append_output: [{match: {source: {a: b}}}]":           "bad conversion",
		"append_output: [{match: syscall, extra_output: x}]":   "bad conversion",
		`priority: '"q"'`:                                      `Unknown priority ""q""`,
		"libs_logger: 5":                                       `Config error at key "libs_logger.severity"`,
		"engine: {kind: modern_ebpf, kmod: 5}":                 "",
		"engine: {kind: modern_ebpf, modern_ebpf: 5}":          `Config error at key "engine.modern_ebpf.cpus_for_each_buffer"`,
		"syscall_event_drops: 5":                               `Config error at key "syscall_event_drops.actions"`,
		"webserver: {listen_address: ' 127.0.0.1 '}":           "",
		"engine: {kind: kmod, kmod: {buf_size_preset: 70000}}": "",
	} {
		_, err := load(t, map[string]string{"main.yaml": text + "\n"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestShapesOfTheReference(t *testing.T) {
	for text, ok := range map[string]bool{
		"capture: {}":                  true,
		"falco_libs: {}":               false,
		"append_output: [{match: {}}]": true,
		"append_output: [{}]":          true,
		"append_output: [{extra_fields: [{a: b, c: d}]}]":  true,
		"append_output: [{extra_fields: [{a: {b: c}}]}]":   false,
		"rules: [{enable: {rule: a}, disable: {rule: b}}]": true,
		"rules: [{}]":                                             false,
		"config_files: [{path: a, note: x}]":                      true,
		"config_files: [{strategy: append}]":                      false,
		"plugins: [{name: a, library_path: b, init_config: [c]}]": false,
		"plugins: [{name: a, library_path: b, init_config: ~}]":   true,
		"rule_files: [a]":                                         true,
		"rules_file: [a]":                                         false,
		"rules_files: [~]":                                        false,
		"priority: ~":                                             false,
		"capture: {mode: sometimes}":                              false,
		"capture: {default_duration: -5}":                         false,
		"capture: {default_duration: 4294967296}":                 true,
		"falco_libs: {snaplen: ' 5'}":                             true,
		"syscall_event_drops: {threshold: 1_000}":                 false,
		"# nothing but this":                                      false,
		"priority: error\npriority: debug":                        false,
		"static_fields: {a: b, a: c}":                             true,
		"http_output: {max_consecutive_timeouts: 300}":            true,
		"syscall_event_drops: {max_burst: 1.5}":                   false,
		"syscall_event_drops: {threshold: 0x1}":                   true,
		"container_engines: {docker: {enabled: true}}":            true,
		"container_engines: {rkt: {enabled: true}}":               false,
	} {
		tree, _, err := parse([]byte(text), "x.yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		if why := Check(tree); (why == "") != ok {
			t.Errorf("%s: %q", text, why)
		}
	}
}
