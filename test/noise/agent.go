// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/live/agent"
)

// ancestors is how far up an alert is looked for the work that it belongs to.
const ancestors = 24

// isOurs reports whether the work that is being measured raised it. That its
// script is started by a program that starts no scripts elsewhere is not its
// fault.
func isOurs(a *agent.Alert) bool {
	if a.Fields["proc.aname[1]"] == initName && a.Fields["evt.type"] == "execve" {
		return false
	}
	for i := 1; i <= ancestors; i++ {
		if a.Fields[fmt.Sprintf("proc.aname[%d]", i)] == initName {
			return true
		}
	}
	return false
}

// chain is the process and its ancestors up to the work.
func chain(a *agent.Alert) string {
	var names []string
	for i := 1; i <= ancestors; i++ {
		name, _ := a.Fields[fmt.Sprintf("proc.aname[%d]", i)].(string)
		if name == "" || name == initName {
			break
		}
		names = append(names, name)
	}
	return strings.Join(names, " < ")
}

// startAgent starts one with the rules, and returns when it watches.
func startAgent(bin, rules string) (*agent.Agent, error) {
	config, err := configFor(rules)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tiercel-noise-agent-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "tiercel.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	a, err := agent.Start(bin, "-c", file)
	if err != nil {
		return nil, err
	}
	return a, a.Watching(time.Minute)
}

// configFor is the default configuration, with what tells works apart. Nothing
// is read again, for the file goes when it has been read.
func configFor(rules string) (string, error) {
	rules, err := filepath.Abs(rules)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rules_files: [%s]\nengine: {kind: modern_ebpf, modern_ebpf: {buf_size_preset: 6}}\nwatch_config_files: false\n", rules)
	b.WriteString("log_stderr: true\nlog_syslog: false\nstdout_output: {enabled: true}\nappend_output:\n  - match: {source: syscall}\n    extra_fields:\n      - evt.type\n")
	for i := 1; i <= ancestors; i++ {
		fmt.Fprintf(&b, "      - proc.aname[%d]\n", i)
	}
	return b.String(), nil
}

var lostLine = regexp.MustCompile(`(?m)^\s*lost:\s*(\d+)`)

// stopAgent ends it, and returns how many events it lost.
func stopAgent(a *agent.Agent) (lost string, err error) {
	err = a.Stop(time.Minute)
	m := lostLine.FindStringSubmatch(a.Report())
	if m == nil {
		return "?", err
	}
	return m[1], err
}
