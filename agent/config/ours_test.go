// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

func TestKeysThatAreNotFalcosAreStrict(t *testing.T) {
	for text, want := range map[string]string{
		"state: {max_text_mb: 0}":                                        "state.max_text_mb must lie between 1 and 65536, but is 0 (main.yaml:1:22)",
		"state: {max_text_mb: many}":                                     `state.max_text_mb must be a number from 1 to 65536, but is "many" (main.yaml:1:22)`,
		"state: {max_text_mb: [1]}":                                      "state.max_text_mb must be a number from 1 to 65536, but is a list",
		"resolve_host_names: perhaps":                                    `resolve_host_names must be true or false, but is "perhaps"`,
		"unix_output: {type: pipe}":                                      `unix_output.type must be one of stream, datagram, but is "pipe"`,
		"unix_output: {enabled: true}":                                   "unix output enabled but no path in configuration block",
		"engine: {kind: auto, modern_ebpf: {sampling_ratio: 3}}":         "engine.modern_ebpf.sampling_ratio must be a power of two from 1 to 128, but is 3",
		"engine: {kind: auto, modern_ebpf: {full_capture_ports: 9-8}}":   `must be a port or a range such as 8000-8080, but is "9-8"`,
		"engine: {kind: auto, modern_ebpf: {full_capture_ports: 99999}}": `must be a port or a range such as 8000-8080, but is "99999"`,
		"engine: {kind: kmod, fallback: [modern_ebpf, auto]}":            "engine.fallback names 'auto', which is no driver. Use modern_ebpf, kmod, bpf (main.yaml:1:",
		"outputs_spool: {dir: spool}":                                    `outputs_spool.dir must be an absolute path, but is "spool"`,
		"metrics: {namespace: 'a-b'}":                                    `metrics.namespace must consist of letters, digits and _, but is "a-b"`,
		"file_output: {permissions: '999'}":                              `file_output.permissions must be an octal mode such as 0640, but is "999"`,
		"log_format: {}":                                                 "log_format must be a text, but is a map",
	} {
		_, err := load(t, main(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestKeysThatAreNotFalcosCanBeNull(t *testing.T) {
	c := must(t, main("state: {max_text_mb: null}\nengine: {kind: auto, modern_ebpf: {full_capture_ports: 8000-8080}}\n"))
	if c.State.MaxTextMB != 256 || c.Engine.FullCapture != [2]uint16{8000, 8080} {
		t.Errorf("%+v %v", c.State, c.Engine.FullCapture)
	}
}

func TestFallbackTakesTheNamesOfEngineKind(t *testing.T) {
	for _, text := range []string{"engine: {kind: kmod, fallback: [modern_ebpf, bpf]}", "engine: {kind: kmod, fallback: [modern_bpf, bpf]}"} {
		if c := must(t, main(text)); strings.Join(c.Engine.Fallback, " ") != "modern_bpf bpf" {
			t.Errorf("%s: %q", text, c.Engine.Fallback)
		}
	}
}

func TestWhatIsWatched(t *testing.T) {
	c := must(t, map[string]string{"main.yaml": "config_files: [a.yaml, ghost.yaml, d]\n", "a.yaml": "priority: error\n", "d/b.yaml": ""})
	files, folders := c.Watched()
	if got := strings.Join(files, " ") + " | " + strings.Join(folders, " "); got != "main.yaml a.yaml ghost.yaml d/b.yaml | d" {
		t.Error(got)
	}
	files, _ = must(t, nil).Watched()
	if strings.Join(files, " ") != "main.yaml" {
		t.Errorf("without a file the places are watched where one could appear: %q", files)
	}
}

func TestChanged(t *testing.T) {
	for _, c := range []struct{ name, a, b, want string }{
		{"the same in other words", "json_output: yes\nwebserver: {listen_port: 8765}\nrules_files: x\n", "rules_files: [x]\njson_output: true # as before\n", ""},
		{"a plain value", "json_output: true\n", "json_output: false\n", "json_output"},
		{"a list", "rules_files: [x]\n", "rules_files: [x, y]\n", "rules_files"},
		{"an old spelling", "rules_file: [x]\n", "rules_files: [x]\n", ""},
		{"structured keys", "static_fields: {a: b}\nappend_output: [{extra_output: x}]\n", "static_fields: {a: c}\n", "append_output static_fields"},
		{"no plugin is not every plugin", "load_plugins: []\n", "", "load_plugins"},
		{"containers", "containers: {wait_ms: 1}\n", "containers: {wait_ms: 2}\n", "containers.wait_ms"},
	} {
		a, b := must(t, main(c.a)), must(t, main(c.b))
		if got := strings.Join(Changed(a, b), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if !InSection([]string{"http_output.url"}, "http_output") || InSection([]string{"http_outputs"}, "http_output") {
		t.Error("sections are told apart wrongly")
	}
}
