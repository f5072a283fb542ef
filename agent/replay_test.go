// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// cat is a process in the tables of a capture.
func captured(tid, parent int64, comm string) capture.Thread {
	t := capture.Thread{Exe: "/bin/" + comm, ExePath: "/bin/" + comm, CWD: "/root", FDLimit: 1024}
	t.TID, t.PID, t.PTID, t.VTID, t.VPID, t.Comm = tid, tid, parent, tid, tid, comm
	return t
}

var captureTables = &capture.Tables{
	Machine: &capture.Machine{CPUs: 4, Hostname: "elsewhere", BootTime: ts - 1e12},
	Users:   []procfs.User{{UID: 0, Name: "toor"}},
	Threads: []capture.Thread{captured(1, 0, "init"), captured(90, 1, "bash"), captured(100, 90, "cat")},
}

// captureOf returns the bytes of a capture.
func captureOf(t *testing.T, enter bool, events ...*scap.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, captureTables, capture.WriterOptions{EnterEvents: enter})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if err := w.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newReplay is a world that replays a capture and has no driver to open.
func newReplay(t *testing.T, rules string, content []byte, args ...string) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.scap")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, rules, append([]string{"-o", "engine.kind=replay", "-o", "engine.replay.capture_file=" + path}, args...)...)
	w.sys.HostRoot = "/nowhere"
	w.sys.Open = func(string, drivers.Options) (scap.Driver, error) {
		t.Error("a replay opened the driver")
		return nil, os.ErrInvalid
	}
	return w
}

func filtered(ev *scap.Event) *scap.Event {
	ev.Flags |= capture.FlagFiltered
	return ev
}

const capturedRule = `
- rule: Shadow read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow
  output: file=%fd.name proc=%proc.name parent=%proc.pname cwd=%proc.cwd user=%user.name num=%evt.num
  priority: WARNING
`

func TestReplayKnowsTheHostOfTheCapture(t *testing.T) {
	w := newReplay(t, capturedRule, captureOf(t, false, openFile(100, "/etc/shadow"), openFile(100, "/etc/motd")))
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	line, summary, _ := strings.Cut(w.out.String(), "\n")
	if !strings.HasSuffix(line, "Warning file=/etc/shadow proc=cat parent=bash cwd=/root/ user=toor num=1") {
		t.Errorf("alert %s", line)
	}
	if !strings.HasPrefix(summary, "Events detected: 1\n") || !strings.Contains(summary, "   looked at: 2\n") {
		t.Errorf("summary %s", summary)
	}
	if !strings.Contains(w.err.String(), "Replaying events from the capture file: ") {
		t.Errorf("stderr: %s", &w.err)
	}
}

func TestReplayIgnoresWhatTheRulesDoNotAskFor(t *testing.T) {
	// No call of the capture is left out because of base_syscalls.
	w := newReplay(t, capturedRule, captureOf(t, false, openFile(100, "/etc/shadow")), "-o", "base_syscalls.custom_set[]=close")
	w.run()
	if !strings.Contains(w.out.String(), "Events detected: 1\n") || strings.Contains(w.err.String(), "syscalls selected") {
		t.Errorf("stdout %s stderr %s", &w.out, &w.err)
	}
}

func TestReplayShowsOnlyWhatTheRecordingWanted(t *testing.T) {
	rule := strings.Replace(capturedRule, "evt.type = openat and fd.name = /etc/shadow", "evt.type in (openat, chdir)", 1)
	enter := scaptest.Named(scap.EvOpenatV2E, ts, 100, scaptest.P{"dirfd": -100, "name": "/etc/passwd", "flags": 1, "mode": 0})
	chdir := scaptest.Named(scap.EvChdirX, ts, 100, scaptest.P{"res": 0, "path": "/tmp"})
	for _, c := range []struct {
		name   string
		enter  bool
		events []*scap.Event
		want   []string
	}{
		{"what did not match only changes the model", false, []*scap.Event{filtered(chdir), openFile(100, "x")}, []string{"file=/tmp/x"}},
		{"beginnings of calls only complete their ends", false, []*scap.Event{enter, openFile(100, "/etc/passwd")}, []string{"file=/etc/passwd"}},
		{"unless the capture has them on purpose", true, []*scap.Event{enter, openFile(100, "/etc/passwd")}, []string{"num=1", "num=2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newReplay(t, rule, captureOf(t, c.enter, c.events...))
			if s := w.run(); s != 0 {
				t.Fatalf("status %d: %s", s, &w.err)
			}
			alerts := strings.Split(w.out.String()[:strings.Index(w.out.String(), "Events detected")], "\n")
			alerts = alerts[:len(alerts)-1]
			if len(alerts) != len(c.want) {
				t.Fatalf("%d alerts: %s", len(alerts), &w.out)
			}
			for i, want := range c.want {
				if !strings.Contains(alerts[i], want) {
					t.Errorf("alert %d lacks %q: %s", i, want, alerts[i])
				}
			}
		})
	}
}

func TestAppendedCapturesAreHostsOfTheirOwn(t *testing.T) {
	first := captureOf(t, false, scaptest.Named(scap.EvChdirX, ts, 100, scaptest.P{"res": 0, "path": "/tmp"}))
	second := captureOf(t, false, openFile(100, "/etc/shadow"))
	w := newReplay(t, capturedRule, append(first, second...))
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	if !strings.Contains(w.out.String(), "cwd=/root/ user=toor num=2") {
		t.Errorf("stdout %s", &w.out)
	}
}

func TestACutCaptureGivesItsWholeEventsAndOneError(t *testing.T) {
	content := captureOf(t, false, openFile(100, "/etc/shadow"), openFile(100, "/etc/motd"))
	w := newReplay(t, capturedRule, content[:len(content)-7])
	if s := w.run(); s != 1 {
		t.Errorf("status %d, want 1", s)
	}
	if !strings.Contains(w.out.String(), "Events detected: 1\n") || !strings.Contains(w.out.String(), "   looked at: 1\n") {
		t.Errorf("stdout: %s", &w.out)
	}
	if n := strings.Count(w.err.String(), "Error: "); n != 1 || !strings.Contains(w.err.String(), "at byte ") {
		t.Errorf("stderr: %s", &w.err)
	}
}

func TestFilesThatCannotBeReplayed(t *testing.T) {
	plugin, err := scap.AppendLargeEvent(nil, scap.EvPlugineventE, ts, -1, []byte{7, 0, 0, 0}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var ev scap.Event
	if err := ev.DecodeLarge(plugin); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"nothing", nil, "x.scap for reading: not a capture"},
		{"something else", []byte("- rule: x\n  desc: this is no capture\n"), "x.scap for reading: not a capture"},
		{"events of a plugin", captureOf(t, false, &ev), "Unknown event source for inspector's event (plugin ID: 7)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newReplay(t, capturedRule, c.content)
			if s := w.run(); s != 1 {
				t.Errorf("status %d, want 1", s)
			}
			if !strings.Contains(w.err.String(), c.want) {
				t.Errorf("stderr lacks %q: %s", c.want, &w.err)
			}
		})
	}
}

func TestReplayWaitsForASlowReader(t *testing.T) {
	var events []*scap.Event
	for range 50 {
		events = append(events, openFile(100, "/etc/shadow"))
	}
	w := newReplay(t, capturedRule, captureOf(t, false, events...), "-o", "outputs_queue.capacity=2")
	slow := &slowWriter{gate: make(chan struct{})}
	w.sys.Stdout = slow
	w.start()
	w.until(&w.err, "Replaying events")
	close(slow.gate)
	if s := w.wait(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	if n := strings.Count(slow.String(), "Warning file=/etc/shadow"); n != 50 {
		t.Errorf("%d alerts of 50 arrived", n)
	}
}

func TestASignalEndsAReplayThatWaits(t *testing.T) {
	var events []*scap.Event
	for range 50 {
		events = append(events, openFile(100, "/etc/shadow"))
	}
	w := newReplay(t, capturedRule, captureOf(t, false, events...), "-o", "outputs_queue.capacity=2", "-o", "output_timeout=50")
	slow := &slowWriter{gate: make(chan struct{})}
	w.sys.Stdout = slow
	w.start()
	w.until(&w.err, "Replaying events")
	w.signals <- syscall.SIGINT
	if s := w.wait(); s != 0 {
		t.Errorf("status %d: %s", s, &w.err)
	}
	close(slow.gate)
}
