// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheInstalledConfigurationSaysWhatWasChosen(t *testing.T) {
	text, err := Installed([]Setting{
		{Key: "rules_files", Value: "[/a, /b]"},
		{Key: "priority", Value: "notice", Off: true},
		{Key: "duplicate_alerts.window_ms", Value: "10000", Why: "Because it repeats itself."},
		{Key: "duplicate_alerts.fields", Value: "[proc.name]"},
		{Key: "engine.kind", Value: "kmod"},
		{Key: "engine.kmod.buf_size_preset", Value: "5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tiercel.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Source{File: file})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(c.Warnings) > 0 || c.Reports[0].Status != "ok" {
		t.Errorf("it is loaded with remarks: %v %+v", c.Warnings, c.Reports)
	}
	if d := cmp.Diff([]string{"/a", "/b"}, c.RulesFiles); d != "" {
		t.Error(d)
	}
	if c.Duplicates.WindowMS != 10000 || len(c.Duplicates.Fields) != 1 || c.Engine.KmodPreset != 5 || c.Has("priority") {
		t.Errorf("%+v %+v\n%s", c.Duplicates, c.Engine, text)
	}
	for _, want := range []string{
		"\n# Because it repeats itself.\n# say an alert that repeats itself", "\n  # what makes two alerts of a rule the same", "\n#priority: notice\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
}

func TestTheInstalledConfigurationHasKnownKeysOnly(t *testing.T) {
	if _, err := Installed([]Setting{{Key: "rules_filse", Value: "[]"}}); err == nil {
		t.Error("a key that does not exist is installed")
	}
}
