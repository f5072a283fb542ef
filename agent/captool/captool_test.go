// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/state"
)

// world is a host with two processes and a scripted driver.
type world struct {
	t        *testing.T
	sys      *System
	driver   *scaptest.Driver
	out, err bytes.Buffer
	signals  chan os.Signal
	options  drivers.Options
	dir      string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, driver: scaptest.NewDriver(), signals: make(chan os.Signal, 1), dir: t.TempDir()}
	w.sys = &System{
		Stdout: &w.out, Stderr: &w.err, Signals: w.signals,
		Open: func(_ string, o drivers.Options) (scap.Driver, error) {
			w.options = o
			return w.driver, nil
		},
		State:      state.Options{Proc: host{}, Hostname: "here", BootTime: boot},
		Containers: &container.Config{}, // no runtime is asked
	}
	return w
}

const (
	boot = uint64(1_600_000_000e9)
	ts   = uint64(1_700_000_000e9)
)

// host is a /proc with a shell and a cat, its child.
type host struct{}

func (host) Scan(fn func(*procfs.Process) error) error {
	for _, p := range []struct {
		pid, parent int64
		comm        string
	}{{1, 0, "init"}, {90, 1, "bash"}, {100, 90, "cat"}} {
		proc := procfs.Process{PID: p.pid, Exe: p.comm, ExePath: "/bin/" + p.comm, CWD: "/root", FDLimit: 1024}
		proc.Main = procfs.Thread{TID: p.pid, PID: p.pid, PTID: p.parent, VTID: p.pid, VPID: p.pid, Comm: p.comm}
		proc.FDs = []procfs.FD{{Num: 1, Type: procfs.FDFile, Name: "/dev/pts/7"}}
		if err := fn(&proc); err != nil {
			return err
		}
	}
	return nil
}

func (host) Lookup(int64) (*procfs.Process, error) { return nil, procfs.ErrNoProcess }
func (host) LookupFD(int64, int64) (procfs.FD, error) {
	return procfs.FD{}, procfs.ErrNoProcess
}

// at is an event of cat, n ms after the beginning.
func at(n uint64, typ scap.EventType, p scaptest.P) *scap.Event {
	return scaptest.Named(typ, ts+n*1e6, 100, p)
}

func open(n uint64, fd int64, name string) *scap.Event {
	return at(n, scap.EvOpenatV2X, scaptest.P{"fd": fd, "dirfd": -100, "name": name, "flags": 1, "mode": 0})
}

func write(n uint64, fd int64) *scap.Event {
	return at(n, scap.EvWriteX, scaptest.P{"res": 2, "fd": fd, "data": []byte("hi"), "size": 2})
}

func getpid(n uint64) *scap.Event {
	return at(n, scap.EvGenericX, scaptest.P{"ID": scap.SCGetpid})
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) record(o cmdline.Capture) {
	w.t.Helper()
	if o.Preset == 0 {
		o.Preset = 1
	}
	if o.File == "" {
		o.File = w.file("x.scap")
	}
	if err := Record(w.sys, &o); err != nil {
		w.t.Fatalf("%v: %s", err, &w.err)
	}
}

// print returns the lines that printing a file gives.
func (w *world) print(o cmdline.Capture) []string {
	w.t.Helper()
	w.out.Reset()
	if o.File == "" {
		o.File = w.file("x.scap")
	}
	if o.Format == "" {
		o.Format = "*%evt.num %proc.name %proc.pname %evt.type %fd.name"
	}
	if err := Print(w.sys, &o); err != nil {
		w.t.Fatal(err)
	}
	text := strings.TrimSuffix(w.out.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func (w *world) want(got []string, want ...string) {
	w.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.t.Error(d)
	}
}

func TestWhatIsRecordedIsPrinted(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		w.driver.Play(open(1, 3, "/etc/shadow"), write(2, 1), getpid(3)).End()
		w.record(cmdline.Capture{Compress: compress})
		w.want(w.print(cmdline.Capture{}),
			"1 cat bash openat /etc/shadow", "2 cat bash write /dev/pts/7", "3 cat bash getpid <NA>")
		if calls := w.driver.Calls(); calls[len(calls)-1] != "Close" {
			t.Errorf("the driver is not closed: %v", calls)
		}
		if !strings.Contains(w.err.String(), "3 events (") {
			t.Errorf("report: %s", &w.err)
		}
	}
}

// slowHost is a /proc whose scan lasts until the driver has been read.
type slowHost struct {
	host
	driver *scaptest.Driver
}

func (h slowHost) Scan(fn func(*procfs.Process) error) error {
	var s scap.Stats
	for end := time.Now().Add(time.Minute); s.Delivered < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		_ = h.driver.Stats(&s)
	}
	return h.host.Scan(fn)
}

func TestWhatHappensDuringTheScanIsRecordedToo(t *testing.T) {
	w := newWorld(t)
	w.sys.State.Proc = slowHost{driver: w.driver}
	w.driver.Play(open(1, 3, "/etc/shadow")).Play(write(2, 3)).Play(getpid(3)).End()
	start := time.Now()
	w.record(cmdline.Capture{})
	if took := time.Since(start); took > 50*time.Second {
		t.Errorf("nobody read the rings during the scan, which took %v", took)
	}
	w.want(w.print(cmdline.Capture{}), "1 cat bash openat /etc/shadow", "2 cat bash write /etc/shadow", "3 cat bash getpid <NA>")
}

func TestAFilterKeepsWhatTheModelNeeds(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(open(1, 3, "/etc/shadow"), getpid(2), write(3, 3)).End()
	w.record(cmdline.Capture{Filter: "evt.type = write and fd.name = /etc/shadow"})
	// The open is there, or the name of the write's descriptor would be lost.
	w.want(w.print(cmdline.Capture{}), "2 cat bash write /etc/shadow")
	w.want(w.print(cmdline.Capture{All: true}), "1 cat bash openat /etc/shadow", "2 cat bash write /etc/shadow")
	sel := w.driver.Selections()[0].Exit
	if !sel.Has(scap.SCWrite) || !sel.Has(scap.SCClone) || sel.Has(scap.SCGetpid) {
		t.Errorf("selected: %v", sel.Names())
	}
}

func TestWithoutAFilterEveryCallIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.driver.End()
	w.record(cmdline.Capture{})
	sel := w.driver.Selections()[0]
	if !sel.Exit.Has(scap.SCGetpid) || !sel.Exit.Has(scap.SCSchedProcessExit) || sel.Exit.Has(scap.SCSchedSwitch) || !sel.Enter.IsEmpty() {
		t.Errorf("selected: %v, enter %v", sel.Exit.Names(), sel.Enter.Names())
	}
}

func TestBeginningsOfCallsAreMarkedAndShown(t *testing.T) {
	w := newWorld(t)
	enter := at(1, scap.EvOpenatV2E, scaptest.P{"dirfd": -100, "name": "/etc/shadow", "flags": 1, "mode": 0})
	w.driver.Play(enter, open(2, 3, "/etc/shadow")).End()
	w.record(cmdline.Capture{Enter: true})
	if sel := w.driver.Selections()[0]; !sel.Enter.Has(scap.SCOpenat) || sel.Enter.Has(scap.SCSchedProcessExit) {
		t.Errorf("enter plane: %v", sel.Enter.Names())
	}
	w.want(w.print(cmdline.Capture{Format: "%evt.dir%evt.type"}), ">openat", "<openat")
}

func TestRecordingEnds(t *testing.T) {
	t.Run("after a number of events", func(t *testing.T) {
		w := newWorld(t)
		w.driver.Play(getpid(1), getpid(2), getpid(3))
		w.record(cmdline.Capture{Count: 2})
		w.want(w.print(cmdline.Capture{Format: "%evt.num"}), "1", "2")
	})
	t.Run("after a time", func(t *testing.T) {
		w := newWorld(t)
		w.driver.Play(getpid(1))
		w.record(cmdline.Capture{Duration: 1})
		w.want(w.print(cmdline.Capture{Format: "%evt.num"}), "1")
	})
	t.Run("by a signal, with what the rings still hold", func(t *testing.T) {
		w := newWorld(t)
		w.driver.Play(getpid(1)).Play(getpid(2))
		w.signals <- syscall.SIGINT
		w.record(cmdline.Capture{})
		if n := len(w.print(cmdline.Capture{Format: "%evt.num"})); n < 1 {
			t.Errorf("%d events", n)
		}
	})
}

func TestFilesRotateWithTablesOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(open(1, 3, "/etc/shadow"), getpid(2)).Play(getpid(3), getpid(4)).Play(write(5, 3)).End()
	w.record(cmdline.Capture{FileEvents: 2, MaxFiles: 2})
	if _, err := os.Stat(w.file("x.00001.scap")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first of three files is still there: %v", err)
	}
	w.want(w.print(cmdline.Capture{File: w.file("x.00002.scap")}), "1 cat bash getpid <NA>", "2 cat bash getpid <NA>")
	// The descriptor was opened two files ago.
	w.want(w.print(cmdline.Capture{File: w.file("x.00003.scap")}), "1 cat bash write /etc/shadow")
}

func TestLossesAreReportedWithTheirCause(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(getpid(1)).Drop(7).End()
	w.record(cmdline.Capture{Quiet: true})
	if want := "7 of 8 events were lost before they could be recorded: 7 ring full (a larger --buffer-preset or a filter helps)\n"; !strings.HasSuffix(w.err.String(), want) {
		t.Errorf("report: %s", &w.err)
	}
}

func TestAFullDiskLeavesWhatWasWritten(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(getpid(1))
	err := Record(w.sys, &cmdline.Capture{File: "/dev/full", Preset: 1, Count: 1})
	if err == nil || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "0 events before that can be read, 1 are lost") {
		t.Errorf("error %v", err)
	}
}

func TestPrinting(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(open(1, 3, "/etc/shadow"), write(2, 3), getpid(3)).End()
	w.record(cmdline.Capture{})
	t.Run("a filter", func(t *testing.T) {
		w.want(w.print(cmdline.Capture{Filter: "fd.name startswith /etc", Format: "%evt.num"}), "1", "2")
	})
	t.Run("a number of lines", func(t *testing.T) {
		w.want(w.print(cmdline.Capture{Count: 1, Format: "%evt.num"}), "1")
	})
	t.Run("a format that needs all its fields", func(t *testing.T) {
		w.want(w.print(cmdline.Capture{Format: "%evt.num %fd.name"}), "1 /etc/shadow", "2 /etc/shadow")
	})
	t.Run("JSON", func(t *testing.T) {
		w.want(w.print(cmdline.Capture{JSON: true, Count: 1, Format: "%evt.num %proc.name"}), `{"evt.num":1,"proc.name":"cat"}`)
	})
	t.Run("control characters cannot forge lines", func(t *testing.T) {
		w := newWorld(t)
		w.driver.Play(open(1, 3, "/tmp/a\n2 openat\x1b[1A\ty")).End()
		w.record(cmdline.Capture{})
		w.want(w.print(cmdline.Capture{Format: "%evt.num %fd.name"}), `1 /tmp/a\n2 openat\x1b[1A`+"\ty")
	})
	t.Run("by default", func(t *testing.T) {
		w.out.Reset()
		if err := Print(w.sys, &cmdline.Capture{File: w.file("x.scap"), Count: 1}); err != nil {
			t.Fatal(err)
		}
		if want := "cat (100) openat fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow"; !strings.Contains(w.out.String(), want) {
			t.Errorf("line %s", &w.out)
		}
	})
}

// closedPipe is an output that nobody reads any more.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestPrintingEndsWithItsReader(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(getpid(1)).End()
	w.record(cmdline.Capture{})
	w.sys.Stdout = closedPipe{}
	if err := Print(w.sys, &cmdline.Capture{File: w.file("x.scap")}); err != nil {
		t.Error(err)
	}
}

func TestInfo(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(open(1, 3, "/etc/shadow"), getpid(2), write(1500, 3)).End()
	w.record(cmdline.Capture{Filter: "evt.type = write", Compress: true})
	if err := Info(w.sys, &cmdline.Capture{File: w.file("x.scap"), JSON: true}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Compressed bool
		Version    string
		Sections   []struct {
			Host                 string
			Processes, Threads   int
			Descriptors          int
			BootNS               uint64 `json:"boot_ns"`
			CPUs                 uint32
			Interfaces, Groups   int
			MemoryBytes, Unknown uint64
		}
		Events  uint64
		Hidden  uint64 `json:"model_only_events"`
		FirstNS uint64 `json:"first_ns"`
		LastNS  uint64 `json:"last_ns"`
		Types   []typeSum
	}
	if err := json.Unmarshal(w.out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, &w.out)
	}
	s := got.Sections[0]
	if !got.Compressed || got.Version != "1.2" || s.Host != "here" || s.BootNS != boot || s.CPUs == 0 ||
		s.Processes != 3 || s.Descriptors != 3 || got.Events != 2 || got.Hidden != 1 ||
		got.FirstNS != ts+1e6 || got.LastNS != ts+1500e6 {
		t.Errorf("got %+v", got)
	}
	if d := cmp.Diff([]typeSum{{"openat", 1}, {"write", 1}}, got.Types); d != "" {
		t.Error(d)
	}
	w.out.Reset()
	if err := Info(w.sys, &cmdline.Capture{File: w.file("x.scap"), Types: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"gzip, format 1.2, ", "here, ", "3 processes, 3 threads, 3 descriptors", "2 (ends of calls only)", "1 that did not match the filter", ", 1.499 s\n", "1 openat\n"} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("text lacks %q: %s", want, &w.out)
		}
	}
}

func TestADamagedCaptureIsDescribedAsFarAsItGoes(t *testing.T) {
	w := newWorld(t)
	w.driver.Play(getpid(1), getpid(2)).End()
	w.record(cmdline.Capture{})
	content, err := os.ReadFile(w.file("x.scap"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file("cut.scap"), content[:len(content)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	err = Info(w.sys, &cmdline.Capture{File: w.file("cut.scap")})
	if !errors.Is(err, capture.ErrTruncated) || !strings.Contains(err.Error(), " at byte ") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(w.out.String(), "1 (ends of calls only)") || !strings.Contains(w.out.String(), "Damage:") {
		t.Errorf("text %s", &w.out)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	w := newWorld(t)
	w.driver.End()
	w.record(cmdline.Capture{})
	file := w.file("x.scap")
	for _, c := range []struct {
		name string
		run  func() error
		want string
	}{
		{"a filter that is none", func() error { return Print(w.sys, &cmdline.Capture{File: file, Filter: "evt.type ="}) }, "filter: 1:"},
		{"a field that is none", func() error { return Print(w.sys, &cmdline.Capture{File: file, Filter: "proc.nmae = x"}) }, "nonexistent field proc.nmae (did you mean proc.name?)"},
		{"an event that is none", func() error { return Print(w.sys, &cmdline.Capture{File: file, Filter: "evt.type = opne"}) }, "filter: 1:12: unknown event type opne (did you mean open?)\n  evt.type = opne\n             ^"},
		{"a mistake in a later line", func() error {
			return Print(w.sys, &cmdline.Capture{File: file, Filter: "evt.type = open and\n\t(proc.name = \"ü\" or proc.nme = x)"})
		}, "\n   (proc.name = \"ü\" or proc.nme = x)\n                       ^"},
		{"an end that comes too early", func() error { return Print(w.sys, &cmdline.Capture{File: file, Filter: "evt.type ="}) }, "\n  evt.type =\n            ^"},
		{"a format with such a field", func() error { return Print(w.sys, &cmdline.Capture{File: file, Format: "%proc.nmae"}) }, "format: "},
		{"a file that is not there", func() error { return Info(w.sys, &cmdline.Capture{File: file + "x"}) }, "x.scapx for reading: No such file or directory"},
		{"a file that is no capture", func() error { return Info(w.sys, &cmdline.Capture{File: "/proc/version"}) }, "not a capture"},
		{"a folder that is not there", func() error {
			return Record(w.sys, &cmdline.Capture{File: "/nowhere/x.scap", Preset: 1})
		}, "no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v lacks %q", err, c.want)
			}
		})
	}
}
