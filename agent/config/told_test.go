// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

func TestValuesThatDoNotFitAreWarnedAbout(t *testing.T) {
	cfg, err := load(t, map[string]string{"main.yaml": "capture: {default_duration: 4294967296}\njson_output: maybe\n"},
		"json_include_tags_property=perhaps", "webserver.listen_port=8")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Capture.DurationMS != 5000 || !cfg.JSONTags || cfg.Webserver.Port != 8 {
		t.Errorf("duration %d, tags %v, port %d", cfg.Capture.DurationMS, cfg.JSONTags, cfg.Webserver.Port)
	}
	all := strings.Join(cfg.Warnings, "\n")
	for key, told := range map[string]bool{
		"capture.default_duration": true, "json_include_tags_property": true,
		"json_output ": false, "webserver": false, // the schema check tells; it fits
	} {
		if strings.Contains(all, key) != told {
			t.Errorf("%s in the warnings: %v, want %v\n%s", key, !told, told, all)
		}
	}
}

func TestReportsNameIncludedFilesAsTheyAreWritten(t *testing.T) {
	cfg := must(t, map[string]string{"main.yaml": "config_files: [./d/, ./e]\n", "d/a.yaml": "# nothing\n", "e/b.yaml": "json_output: true\n"})
	got := map[string]string{}
	for _, r := range cfg.Reports {
		got[r.Path] = r.Status
	}
	if got["./d/a.yaml"] != "failed" || got["./e/b.yaml"] != "ok" {
		t.Error(got)
	}
}

func TestMetricsChecks(t *testing.T) {
	for text, want := range map[string]string{
		"{enabled: true, interval: 5000, output_rule: true}": "a minimum value of 100ms and reflect",
		"{enabled: true, interval: 50ms, output_rule: true}": "a minimum value of 100ms and reflect",
		"{enabled: true, interval: 1s}":                      "channel ('metrics.output_rule', 'metrics.output_file' or 'webserver.prometheus_metrics_enabled')",
		"{enabled: true, interval: 1s, output_rule: true}":   "",
	} {
		err := must(t, main("metrics: "+text+"\n")).CheckMetrics()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	err := must(t, main("metrics: {enabled: true, interval: 5000, output_rule: true}\n")).CheckMetrics()
	if err == nil || !strings.Contains(err.Error(), "5000ms") {
		t.Errorf("no hint at the missing unit: %v", err)
	}
}
