// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
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

// moduleCommands loads the module as a user does, and goes through what can be
// in the way: no headers, a file for another kernel, the module of another
// release, what is no module at all.
func moduleCommands() error {
	place := "/lib/modules/" + release() + "/extra/tiercel.ko"
	if err := os.WriteFile("/tmp/text.ko", []byte("no module"), 0o644); err != nil {
		return err
	}
	b, err := os.ReadFile(place)
	if err != nil {
		return err
	}
	stale := string(b)
	if i := strings.Index(stale, "\x00schema=") + len("\x00schema="); i > len("\x00schema=") {
		stale = stale[:i] + "-" + stale[i+1:]
	}
	foreign := strings.Replace(string(b), "vermagic="+release()[:4], "vermagic=9.99"[:9+4], 1)
	if err := os.WriteFile("/tmp/stale.ko", []byte(stale), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile("/tmp/foreign.ko", []byte(foreign), 0o644); err != nil {
		return err
	}
	return steps(
		step{"driver status", false, "built, not loaded (tiercel driver load kmod)"},
		step{"driver build kmod", true, "kernel headers: no /lib/modules/"},
		step{"driver build bpf", true, "no kernel headers in /lib/modules/"},
		step{"driver load kmod --file /tmp/none.ko", true, "no such file"},
		step{"driver load kmod --file /tmp/text.ko", true, "is no kernel module"},
		step{"driver load kmod --file /tmp/stale.ko", true, "is of another version"},
		step{"driver load kmod --file /tmp/foreign.ko", true, "was built for the kernel 9.99"},
		step{"driver unload kmod", false, "is not loaded"},
		step{"--driver kmod -M 1", true, "tiercel driver load kmod"},
		step{"driver load kmod", false, "loaded " + place},
		step{"driver load kmod", false, "loaded already"},
		step{"driver status", false, "loaded, version"},
		step{"driver doctor", false, "auto would take modern_bpf"},
		step{"driver unload kmod", false, "unloaded the module"},
		step{"driver load kmod", false, "loaded " + place},
	)
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

// sees provokes alerts until the agent tells one that is new.
func (w *watcher) sees() error {
	for len(w.alerts) > 0 {
		<-w.alerts
	}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		_ = exec.Command("/bin/cat").Run()
		select {
		case <-w.alerts:
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return fmt.Errorf("no alert in a minute")
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
	defer b.cmd.Process.Kill()
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
	if err := a.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = a.cmd.Wait()
	if err := b.sees(); err != nil {
		return fmt.Errorf("after the other agent was killed: %w", err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return b.cmd.Wait()
}
