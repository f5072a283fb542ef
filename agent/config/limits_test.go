// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFilesThatExhaustAreRefusedWithALine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"aliases that multiply":  {aliasBomb(), "expands to more than 100000 values"},
		"an alias of itself":     {"a: &a\n  b: *a\n", "yaml: line 2"},
		"deep nesting":           {"a: " + strings.Repeat("[", 5000), "yaml: line 1"},
		"deep blocks":            {deepBlocks(100), "depth"},
		"a huge text":            {"a: 1\nb: " + strings.Repeat("x", maxScalar+1), "yaml: line 2: a text is longer than 1 MiB"},
		"a huge file":            {strings.Repeat("# comment\n", maxFileSize/10+1), "the file is larger than 8 MiB"},
		"an alias of nothing":    {"a: *b\n", "yaml: line 1"},
		"a tab for indentation":  {"a:\n\tb: 1\n", "yaml: line 2"},
		"a control character":    {"a: 1\nb: é\x01\n", "yaml: line 2, column 5"},
		"text that is not UTF-8": {"a: 1\nb: \xff\xfe\xfd\n", "yaml: line 2, column 4"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, main(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "main.yaml") {
				t.Errorf("%.300v, want %s", err, c.want)
			}
		})
	}
}

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), i-1)
	}
	return b.String()
}

func deepBlocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestExpansionIsBounded(t *testing.T) {
	big := strings.Repeat("y", 100_000) + "${BIG}"
	got := Expand("${BIG}", func(string) (string, bool) { return big, true })
	if len(got) > maxScalar {
		t.Errorf("%d bytes", len(got))
	}
}

func TestTheFirstOfRepeatedKeysCountsAndIsTold(t *testing.T) {
	c := must(t, main("priority: error\nwebserver: {listen_port: 1, listen_port: 2}\npriority: alert\n"))
	if c.Priority != "error" || c.Webserver.Port != 1 {
		t.Errorf("priority %s, port %d", c.Priority, c.Webserver.Port)
	}
	want := `configuration key "listen_port" (main.yaml:2:29) is there twice: the first one, on line 2, counts
configuration key "priority" (main.yaml:3:1) is there twice: the first one, on line 1, counts`
	if got := strings.Join(c.Warnings, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestKeysThatMeanNothingAreToldOnce(t *testing.T) {
	c := must(t, map[string]string{
		"main.yaml": "config_files: [a.yaml]\ngrpc: {enabled: true}\nwebserver:\n  listen_prt: 1\nstdot_output: {}\nengine: {kind: nodriver, ebpf: {probe: x}}\n",
		"a.yaml":    "append_output:\n  - match: {rule: r, sorce: x}\nplugins: [{name: container, library_path: x.so, init_config: {engines: {}}}]\n",
	}, "outputs.rate=1")
	want := `configuration key "grpc" (main.yaml:2:1) is not implemented: removed from Falco in 0.44; use http_output or unix_output
unknown configuration key "webserver.listen_prt" (main.yaml:4:3); did you mean "webserver.listen_port"?
unknown configuration key "stdot_output" (main.yaml:5:1); did you mean "stdout_output"?
configuration key "engine.ebpf" (main.yaml:6:26) is not implemented: removed from Falco in 0.44; use engine.kind modern_ebpf or auto
unknown configuration key "append_output.match.sorce" (a.yaml:2:22); did you mean "append_output.match.source"?
configuration key "outputs" is not implemented: removed from Falco in 0.37; use duplicate_alerts to calm repeated alerts`
	if got := strings.Join(c.Warnings, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestKeysWithoutEffectAreToldWhenTheyAskForSomething(t *testing.T) {
	c := must(t, main("webserver: {threadiness: 4}\nplugins_hostinfo: false\nmetrics: {jemalloc_stats_enabled: true, plugins_metrics_enabled: false}\n"))
	want := `configuration key "webserver.threadiness" (main.yaml:1:26) is not implemented: each request has a goroutine of its own
configuration key "metrics.jemalloc_stats_enabled" (main.yaml:3:35) is not implemented: there is no jemalloc here`
	if got := strings.Join(c.Warnings, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestAPipeAsConfigurationIsAnError(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "main.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Source{File: pipe}); err == nil || !strings.Contains(err.Error(), "nobody writes") {
		t.Fatalf("%v, want an error that speaks of the pipe, at once", err)
	}
}
