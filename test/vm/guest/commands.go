// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// step is a command line of the agent and what it must say and return.
type step struct {
	args  string
	fails bool
	says  string
}

func (s step) run() error {
	out, err := exec.Command("/tiercel", strings.Fields(s.args)...).CombinedOutput()
	if (err != nil) != s.fails || !strings.Contains(string(out), s.says) {
		return fmt.Errorf("tiercel %s: %v, says %q, want %q", s.args, err, out, s.says)
	}
	return nil
}

// steps runs command lines one after the other.
func steps(all ...step) error {
	for _, s := range all {
		if err := s.run(); err != nil {
			return err
		}
	}
	return nil
}

// locked is a kernel that only takes signed modules: that is said before
// anything is built, and the modern probe is not affected.
func locked() error {
	return steps(
		step{"driver build kmod", true, "module signatures: required"},
		step{"driver load kmod", true, "lockdown"},
		step{"driver doctor", false, "auto would take modern_bpf"},
	)
}

// watcher is an agent that runs and prints alerts.
type watcher struct {
	cmd    *exec.Cmd
	alerts chan string
}

func watch(driver string) (*watcher, error) {
	w := &watcher{cmd: exec.Command("/tiercel", "--driver", driver, "-o", "log_syslog=false", "-o", "log_stderr=true", "-o", "json_output=true"), alerts: make(chan string, 64)}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() {
			if strings.Contains(s.Text(), "/etc/shadow") {
				select {
				case w.alerts <- s.Text():
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return w, nil
}

// kill ends the agent with -9.
func (w *watcher) kill() error {
	err := w.cmd.Process.Kill()
	_ = w.cmd.Wait()
	return err
}

// patience is how long an alert may take: several agents start at once, emulated,
// on a machine that has other work.
const patience = 3 * time.Minute

// sees provokes alerts until the agent tells one that is new.
func (w *watcher) sees() error {
	for len(w.alerts) > 0 {
		<-w.alerts
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_ = exec.Command("/bin/cat").Run()
		select {
		case <-w.alerts:
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return fmt.Errorf("no alert in %v", patience)
}

// twoAgents run at once; one is killed while it is attached, and the other one
// goes on. The module cannot be unloaded meanwhile, and lets go at the end.
func twoAgents(driver string) error {
	a, err := watch(driver)
	if err != nil {
		return err
	}
	b, err := watch(driver)
	if err != nil {
		return err
	}
	defer func() { _ = b.kill() }()
	if err := a.sees(); err != nil {
		return fmt.Errorf("the first of two agents: %w", err)
	}
	if err := b.sees(); err != nil {
		return fmt.Errorf("the second of two agents: %w", err)
	}
	if driver == "kmod" {
		if err := (step{"driver unload kmod", true, "it is in use"}).run(); err != nil {
			return err
		}
	}
	if err := a.kill(); err != nil {
		return err
	}
	if err := b.sees(); err != nil {
		return fmt.Errorf("after the other agent was killed: %w", err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return b.cmd.Wait()
}
