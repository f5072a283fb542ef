// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
	"testing"
)

func TestAWordThatLooksLikeACommandStartsNoAgent(t *testing.T) {
	for line, want := range map[string]string{
		"version":            "tiercel --version",
		"help driver":        "tiercel --help",
		"doctor":             "tiercel driver doctor",
		"status -j":          "tiercel driver status",
		"check my.yaml":      "tiercel rules check",
		"explain":            "tiercel syscalls explain",
		"drivers doctor":     "tiercel driver --help",
		"rule check":         "tiercel rules --help",
		"syscall explain":    "tiercel syscalls --help",
		"-v driver status":   "A command is the first word",
		"validate my.yaml":   "tiercel -V FILE",
		"start --unbuffered": "systemctl start tiercel",
	} {
		if _, err := Parse(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// Command lines of the reference's users go on to work.
func TestOtherWordsAreIgnoredAndNamed(t *testing.T) {
	for line, warned := range map[string]string{
		"-U true":                         "'true'",
		"-o a=b some words":               "'some words'",
		"/usr/bin/falco -o a=b":           "",
		"/usr/bin/tiercel --cri x.sock y": "'y'",
		"-c version.yaml -r start":        "",
		"now":                             "'now'",
		"--list syscall":                  "'syscall'",
		"-- x":                            "'x'",
		"":                                "",
	} {
		o, err := Parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := ""
		for _, w := range o.Warnings {
			if strings.HasPrefix(w, "Ignored, ") {
				got = w
			}
		}
		if (got == "") != (warned == "") || !strings.Contains(got, warned) {
			t.Errorf("%s: %q", line, got)
		}
	}
}
