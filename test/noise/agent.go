// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ancestors is how far up an alert is looked for the work that it belongs to.
const ancestors = 24

// alert is one line of the agent.
type alert struct {
	Rule   string         `json:"rule"`
	Output string         `json:"output"`
	Time   time.Time      `json:"time"`
	Fields map[string]any `json:"output_fields"`
}

// isOurs reports whether the work that is being measured raised it. That its
// script is started by a program that starts no scripts elsewhere is not its
// fault.
func (a *alert) isOurs() bool {
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
func (a *alert) chain() string {
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

// agent is a running tiercel.
type agent struct {
	cmd    *exec.Cmd
	dir    string
	stderr said
	alerts []*alert
	done   sync.WaitGroup
}

// said is what an agent says beside alerts.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// startAgent starts it with the rules, and returns when it watches.
func startAgent(bin, rules string) (*agent, error) {
	dir, err := os.MkdirTemp("", "tiercel-noise-agent-")
	if err != nil {
		return nil, err
	}
	config, err := configFor(rules)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "tiercel.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	a := &agent{cmd: exec.Command(bin, "-c", file), dir: dir}
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err1 := a.cmd.StdoutPipe()
	errs, err2 := a.cmd.StderrPipe()
	if err := errors.Join(err1, err2, a.cmd.Start()); err != nil {
		return nil, err
	}
	watching := make(chan struct{})
	a.done.Go(func() {
		var once sync.Once
		for lines := bufio.NewScanner(errs); lines.Scan(); {
			fmt.Fprintln(&a.stderr, lines.Text())
			if strings.Contains(lines.Text(), "Watching:") {
				once.Do(func() { close(watching) })
			}
		}
	})
	a.done.Go(func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			al := new(alert)
			if json.Unmarshal(lines.Bytes(), al) == nil && al.Rule != "" {
				a.alerts = append(a.alerts, al)
			} else {
				fmt.Fprintln(&a.stderr, lines.Text())
			}
		}
	})
	select {
	case <-watching:
		return a, nil
	case <-time.After(time.Minute):
		_, err := a.stop()
		return nil, errors.Join(fmt.Errorf("the agent does not watch:\n%s", a.stderr.text()), err)
	}
}

// configFor is the default configuration, with what tells works apart.
func configFor(rules string) (string, error) {
	rules, err := filepath.Abs(rules)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rules_files: [%s]\nengine: {kind: modern_ebpf, modern_ebpf: {buf_size_preset: 6}}\njson_output: true\n", rules)
	b.WriteString("log_stderr: true\nlog_syslog: false\nstdout_output: {enabled: true}\nappend_output:\n  - match: {source: syscall}\n    extra_fields:\n      - evt.type\n")
	for i := 1; i <= ancestors; i++ {
		fmt.Fprintf(&b, "      - proc.aname[%d]\n", i)
	}
	return b.String(), nil
}

var lostLine = regexp.MustCompile(`(?m)^\s*lost:\s*(\d+)`)

// stop ends the agent, waits for all that it says, and returns how many events
// it lost.
func (a *agent) stop() (lost string, err error) {
	defer os.RemoveAll(a.dir)
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	kill := time.AfterFunc(20*time.Second, func() { _ = a.cmd.Process.Kill() })
	defer kill.Stop()
	a.done.Wait()
	err = a.cmd.Wait()
	if err != nil {
		err = fmt.Errorf("the agent: %w\n%s", err, a.stderr.text())
	}
	if m := lostLine.FindStringSubmatch(a.stderr.text()); m != nil {
		lost = m[1]
	}
	return lost, err
}
