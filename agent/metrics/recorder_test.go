// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tiercel/tiercel/agent/output"
)

type recording struct {
	*recorder
	alerts chan *output.Alert
	logs   *observer.ObservedLogs
	file   string
}

func newRecording(t *testing.T) *recording {
	core, logs := observer.New(zap.InfoLevel)
	conf := allOn()
	conf.OutputRule, conf.OutputFile = true, filepath.Join(t.TempDir(), "metrics.jsonl")
	r := &recording{alerts: make(chan *output.Alert, 2), logs: logs, file: conf.OutputFile}
	r.recorder = newRecorder(NewBoard(), Options{Config: conf, Log: zap.New(core)}, r.alerts)
	return r
}

func (r *recording) publish(change func(*Sample)) {
	s := sampleOf()
	change(&s)
	s.copyTo(r.board.Begin())
	r.board.Commit()
}

type snapshotLine struct {
	Sample       uint64
	OutputFields map[string]any `json:"output_fields"`
}

func (r *recording) lines(t *testing.T) (out []snapshotLine) {
	t.Helper()
	f, err := os.Open(r.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var l snapshotLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatalf("%v: %s", err, sc.Text())
		}
		out = append(out, l)
	}
	return out
}

func TestSnapshotsGoToTheFileAndTheOutputs(t *testing.T) {
	r := newRecording(t)
	r.snapshot() // nothing is published: a tick, but no snapshot
	r.publish(func(s *Sample) { s.Events = 100 })
	r.snapshot()
	r.publish(func(s *Sample) { s.Events, s.Time = 300, at.Add(10*time.Second) })
	r.snapshot()
	lines := r.lines(t)
	if len(lines) != 2 || lines[0].Sample != 2 || lines[1].Sample != 3 {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	if f := lines[1].OutputFields; f["falco.num_evts"] != 300.0 || f["falco.num_evts_prev"] != 100.0 || f["falco.evts_rate_sec"] != 20.0 {
		t.Errorf("second snapshot: %v %v %v", f["falco.num_evts"], f["falco.num_evts_prev"], f["falco.evts_rate_sec"])
	}
	a := <-r.alerts
	if a.Rule != "Tiercel internal: metrics snapshot" || a.Priority != "Informational" || a.Source != "internal" || !a.Internal ||
		string(a.Message) != "Tiercel metrics snapshot" || a.TimeNS != uint64(at.UnixNano()) {
		t.Errorf("alert %+v", a)
	}
	if !json.Valid(a.Fields) || !strings.Contains(string(a.Detail), `evt.hostname="box"`) {
		t.Errorf("fields %s\ndetail %s", a.Fields, a.Detail)
	}
}

func TestAMissingFolderIsReportedOnceAndHeals(t *testing.T) {
	r := newRecording(t)
	r.publish(func(*Sample) {})
	folder := filepath.Dir(r.file)
	r.file = filepath.Join(folder, "later", "metrics.jsonl")
	r.opts.Config.OutputFile = r.file
	r.snapshot()
	r.snapshot()
	if n := r.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("%d errors, want one: %v", n, r.logs.All())
	}
	if err := os.Mkdir(filepath.Dir(r.file), 0o755); err != nil {
		t.Fatal(err)
	}
	r.snapshot()
	if lines := r.lines(t); len(lines) != 1 || lines[0].Sample != 3 {
		t.Errorf("%+v", lines)
	}
	if r.logs.FilterLevelExact(zap.InfoLevel).Len() != 1 {
		t.Errorf("the recovery was not told: %v", r.logs.All())
	}
}

func TestAFullDiskIsReportedAndTheAlertStillGoesOut(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	r := newRecording(t)
	r.publish(func(*Sample) {})
	r.opts.Config.OutputFile = "/dev/full"
	r.snapshot()
	if r.logs.FilterMessageSnippet("no space left on device").Len() != 1 {
		t.Errorf("logs: %v", r.logs.All())
	}
	if len(r.alerts) != 1 {
		t.Error("no alert")
	}
}

// A line that the disk takes only part of is taken back.
func TestAPartOfALineDoesNotStay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m")
	if err := appendLine(file, []byte("whole\n")); err != nil {
		t.Fatal(err)
	}
	limitFileSize(t, 10)
	if err := appendLine(file, []byte("a line that is too long\n")); err == nil {
		t.Fatal("written beyond the limit")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "whole\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestAnAlertThatNobodyTakesIsLeftOut(t *testing.T) {
	r := newRecording(t)
	r.publish(func(*Sample) {})
	for range 3 {
		r.snapshot()
	}
	if len(r.alerts) != 2 || r.logs.FilterMessageSnippet("left out").Len() != 1 {
		t.Errorf("%d alerts wait; logs %v", len(r.alerts), r.logs.All())
	}
}

func TestServiceMakesSnapshotsAtItsIntervalAndEnds(t *testing.T) {
	conf := allOn()
	conf.Interval, conf.OutputRule = "100ms", true
	svc := New(Options{Config: conf})
	s := sampleOf()
	publish(svc, &s)
	select {
	case a := <-svc.Alerts():
		if a.Rule != snapshotRule {
			t.Errorf("%+v", a)
		}
	case <-time.After(time.Minute):
		t.Error("no snapshot")
	}
	done := svc.done
	svc.Close()
	select {
	case <-done:
	default:
		t.Error("the recorder still runs")
	}
	svc.Close() // once more does nothing
}
