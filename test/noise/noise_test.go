// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/test/live/agent"
)

func raised(rule string, fields map[string]any, ancestors ...string) *agent.Alert {
	a := &agent.Alert{Rule: rule, Output: rule + " by somebody", Fields: map[string]any{}}
	for k, v := range fields {
		a.Fields[k] = v
	}
	for i, name := range ancestors {
		a.Fields["proc.aname["+string(rune('1'+i))+"]"] = name
	}
	return a
}

func TestOnlyAlertsOfTheWorkCount(t *testing.T) {
	for _, c := range []struct {
		name string
		a    *agent.Alert
		want bool
	}{
		{"its script", raised("r", nil, initName), true},
		{"far below it", raised("r", nil, "sh", "apt-get", "bash", initName, "noise"), true},
		{"something else on the host", raised("r", nil, "bash", "sshd", "systemd"), false},
		{"the start of its script", raised("r", map[string]any{"evt.type": "execve"}, initName), false},
		{"a program that the script starts", raised("r", map[string]any{"evt.type": "execve"}, "bash", initName), true},
	} {
		if got := isOurs(c.a); got != c.want {
			t.Errorf("%s: counts %v, want %v", c.name, got, c.want)
		}
	}
	if got := chain(raised("r", nil, "sh", "apt-get", "bash", initName, "noise")); got != "sh < apt-get < bash" {
		t.Errorf("chain %q", got)
	}
}

func TestResultShowsEachKindOnce(t *testing.T) {
	r := result{name: "work", lost: "0", alerts: []*agent.Alert{
		raised("B", map[string]any{"proc.name": "cat"}, "sh", initName), raised("B", map[string]any{"proc.name": "cat"}, "sh", initName),
		raised("A", nil, "cron", initName),
	}}
	var b strings.Builder
	r.print(&b, false)
	for _, want := range []string{"work         3 alerts", "  1 × A\n", "  2 × B\n", "below cron\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing:\n%s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), "B by somebody"); n != 1 {
		t.Errorf("shown %d times, want once:\n%s", n, b.String())
	}
}

func TestIdleMachineIsReadBehindItsLoginPrompt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "console")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Debian\nidle login: " + mark + `{"rule":"R","output":"o"}` + "\r\n@@DONE 3\r\n")
	r, err := readIdle(file)
	if err != nil || len(r.alerts) != 1 || r.alerts[0].Rule != "R" || r.lost != "3" {
		t.Errorf("%+v, %v", r, err)
	}
	write("Kernel panic\n")
	if _, err := readIdle(file); err == nil || !strings.Contains(err.Error(), "Kernel panic") {
		t.Errorf("a machine that did not come to its end: %v", err)
	}
}

func TestAgentIsGivenAConfigurationThatItTakes(t *testing.T) {
	text, err := configFor(".")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tiercel.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{File: file, Env: os.LookupEnv})
	if err != nil || len(c.Warnings) > 0 {
		t.Errorf("%v, %v", err, c.Warnings)
	}
}
