// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limit is generous: a loaded machine starts a shell slowly.
const limit = 30 * time.Second

// pretend makes a program that does what an agent would.
func pretend(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "agent")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWhatAnAgentSaysIsCollectedUntilItsEnd(t *testing.T) {
	a, err := Start(pretend(t, `trap 'echo "   lost: 3"; exit 0' INT
echo '{"rule":"R","priority":"Notice","time":"2026-01-02T03:04:05.6Z","output_fields":{"a":1}}'
echo "Watching: 1 rules" >&2
while :; do sleep 0.02; done`), "more")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Watching(limit); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(limit); err != nil {
		t.Fatal(err)
	}
	alerts := a.Alerts()
	if len(alerts) != 1 || alerts[0].Rule != "R" || alerts[0].Fields["a"] != 1.0 || alerts[0].Time.Year() != 2026 {
		t.Errorf("alerts: %+v", alerts)
	}
	if a.Report() != "   lost: 3\n" || a.Log() != "Watching: 1 rules\n" {
		t.Errorf("report %q, log %q", a.Report(), a.Log())
	}
	if err := a.Stop(limit); err != nil {
		t.Errorf("stopped again: %v", err)
	}
}

func TestAnAgentThatGoesWrongSaysHow(t *testing.T) {
	for name, c := range map[string]struct {
		script, want string
		do           func(*Agent) error
	}{
		"it ends at once":       {"echo broken rules >&2; exit 78", "broken rules", func(a *Agent) error { return a.Watching(limit) }},
		"it never watches":      {"echo waiting >&2; exec sleep 60", "does not watch", func(a *Agent) error { return a.Watching(300 * time.Millisecond) }},
		"it does not end":       {"trap '' INT; echo 'Watching: 0' >&2; while :; do sleep 0.02; done", "was killed", watchedThenStopped},
		"it ends with an error": {"trap 'exit 1' INT; echo 'Watching: 0' >&2; while :; do sleep 0.02; done", "exit status 1", watchedThenStopped},
	} {
		a, err := Start(pretend(t, c.script))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		a.Kill()
	}
	if _, err := Start(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there was started")
	}
}

func watchedThenStopped(a *Agent) error {
	if err := a.Watching(limit); err != nil {
		return err
	}
	return a.Stop(time.Second)
}
