// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// managed gives the agent a service manager and returns what reads its next
// message.
func (w *world) managed() (next func() string) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	w.t.Setenv("NOTIFY_SOCKET", path)
	w.sys.Env = os.LookupEnv
	return func() string {
		w.t.Helper()
		buf := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			w.t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			w.t.Fatalf("%v\nstderr: %s", err, &w.err)
		}
		return string(buf[:n])
	}
}

// until reads messages until one begins with a text.
func untilMessage(next func() string, begins string) string {
	for {
		if m := next(); strings.HasPrefix(m, begins) {
			return m
		}
	}
}

func TestAServiceIsReadyWhenAnEventHasCome(t *testing.T) {
	w := newWorld(t, shadowRule)
	next := w.managed()
	w.driver.Kind = "modern_bpf"
	w.start()
	w.until(&w.err, "Watching: ")
	if m := next(); m != "STATUS=Opening the driver and loading the rules" {
		t.Errorf("first: %q", m)
	}
	if m := next(); !strings.HasPrefix(m, "STATUS=modern_bpf: 2 rules") { // of the loop, which runs
		t.Errorf("ready although nothing has come: %q", m)
	}
	w.driver.Play(openFile(100, "/etc/shadow"))
	if m := untilMessage(next, "READY=1"); !strings.HasSuffix(m, "system calls; alerts: 1") {
		t.Errorf("ready: %q", m)
	}
	w.signals <- syscall.SIGTERM
	untilMessage(next, "STOPPING=1")
	if s := w.wait(); s != 0 {
		t.Errorf("status %d", s)
	}
}

func TestADriverThatStaysSilentIsAnError(t *testing.T) {
	now := time.Now()
	w := &watcher{drv: scaptest.NewDriver(), proof: &proof{began: now}}
	if err := w.prove(now.Add(proofTimeout)); err != nil || w.proof == nil {
		t.Errorf("given up too early, or ready without an event: %v", err)
	}
	if err := w.prove(now.Add(proofTimeout + time.Second)); err == nil || !strings.Contains(err.Error(), "no event comes through it") {
		t.Errorf("%v", err)
	}
}

func TestAReloadIsToldOf(t *testing.T) {
	w := newWorld(t, shadowRule)
	next := w.managed()
	w.driver.Play(openFile(100, "/etc/hosts"))
	w.start()
	untilMessage(next, "READY=1")
	if err := os.WriteFile(w.sys.Args[1], []byte("- rule: broken\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.signals <- syscall.SIGHUP
	if m := untilMessage(next, "RELOADING=1"); !strings.Contains(m, "\nMONOTONIC_USEC=") {
		t.Errorf("%q", m)
	}
	if m := untilMessage(next, "READY=1"); !strings.Contains(m, "2 rules") || !strings.Contains(m, "the last reload failed, what was in force before stays") {
		t.Errorf("after a reload that failed: %q", m)
	}
	if err := os.WriteFile(w.sys.Args[1], []byte(shadowRule), 0o644); err != nil {
		t.Fatal(err)
	}
	w.signals <- syscall.SIGHUP
	untilMessage(next, "RELOADING=1")
	if m := untilMessage(next, "READY=1"); strings.Contains(m, "failed") {
		t.Errorf("after one that did not: %q", m)
	}
	w.signals <- syscall.SIGTERM
	w.wait()
}

func TestTheExitStatusSaysWhetherToTryAgain(t *testing.T) {
	broken := "- rule: broken\n"
	for _, c := range []struct {
		name            string
		rules           string
		open            error
		managed, status int
	}{
		{"rules that cannot be loaded", broken, nil, 78, 1},
		{"no driver here", shadowRule, errors.New("no BTF"), 69, 1},
		{"no memory for one", shadowRule, fmt.Errorf("open: %w", unix.ENOMEM), 1, 1},
	} {
		for _, managed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/managed=%v", c.name, managed), func(t *testing.T) {
				w := newWorld(t, c.rules)
				if c.open != nil {
					w.sys.Open = func(string, drivers.Options) (scap.Driver, error) { return nil, c.open }
				}
				want := c.status
				var next func() string
				if managed {
					next, want = w.managed(), c.managed
				}
				if got := w.run(); got != want {
					t.Errorf("status %d, want %d", got, want)
				}
				if managed {
					untilMessage(next, "STATUS=Error: ")
				}
			})
		}
	}
}

func TestAnAnswerIsNoService(t *testing.T) {
	w := newWorld(t, "- rule: broken\n", "--dry-run")
	w.managed()
	if s := w.run(); s != 1 {
		t.Errorf("status %d", s)
	}
}
