// SPDX-License-Identifier: Apache-2.0

package drops

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/log"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/scap"
)

func lost(seen, ring, page uint64) *scap.Stats {
	s := &scap.Stats{Counters: scap.Counters{Seen: seen, Delivered: seen - ring - page, DropsRing: ring, DropsPage: page}}
	s.DropsByClass[scap.DropOpen] = ring
	return s
}

func TestLossesAreReportedByCauseAtABoundedPace(t *testing.T) {
	var b bytes.Buffer
	d := Reporter{Log: log.New(log.Options{Writer: &b, ISO8601: true})}
	start := time.Unix(1000, 0)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	d.Check(at(0), lost(10, 0, 0))
	if b.Len() != 0 {
		t.Errorf("nothing is lost, yet: %s", &b)
	}
	d.Check(at(1), lost(100, 5, 1))
	d.Check(at(2), lost(200, 50, 1)) // too soon: kept for later
	d.Check(at(7), lost(300, 60, 1))
	d.Last(at(8), lost(400, 61, 1))
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		_, text, _ := strings.Cut(l, ": ")
		lines = append(lines, text)
	}
	want := []string{
		"Lost 6 of 100 system call events since the start (5 ring full: a larger buf_size_preset or fewer system calls help; 1 user memory not there), by kind: open 5; 6 lost in all",
		"Lost 55 of 200 system call events in the last 6.0 s (55 ring full: a larger buf_size_preset or fewer system calls help), by kind: open 55; 61 lost in all",
		"Lost 1 of 100 system call events in the last 1.0 s (1 ring full: a larger buf_size_preset or fewer system calls help), by kind: open 1; 62 lost in all",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestTheReportOfALossTellsWhatElseIsMissing(t *testing.T) {
	var b bytes.Buffer
	d := Reporter{Log: log.New(log.Options{Writer: &b})}
	s := lost(100, 5, 0)
	s.Faults, s.Sampled = 3, 40
	d.Check(time.Unix(1000, 0), s)
	if want := "; 5 lost in all; 3 came with unreadable memory; 40 more were left out by sampling"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in %s", want, &b)
	}
	b.Reset()
	s.DropsRing++
	d.Check(time.Unix(1010, 0), s)
	if got := b.String(); !strings.HasSuffix(strings.TrimSpace(got), "; 6 lost in all") {
		t.Errorf("told again: %s", got)
	}
}

func TestBrokenRecordsAreReported(t *testing.T) {
	var b bytes.Buffer
	d := Reporter{Log: log.New(log.Options{Writer: &b})}
	d.Check(time.Now(), &scap.Stats{Truncated: 3})
	if !strings.Contains(b.String(), "3 broken records in the rings") {
		t.Error(b.String())
	}
}

func TestDropActions(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	base := config.Drops{Threshold: 0.1, Rate: 0.5, Burst: 1, Actions: []string{"log", "alert"}}
	for _, c := range []struct {
		name   string
		change func(*config.Drops)
		stats  []*scap.Stats // one a second
		alerts int
		err    error
	}{
		{"below the threshold nothing happens", nil, []*scap.Stats{lost(100, 10, 0)}, 0, nil},
		{"above it there is an alert", nil, []*scap.Stats{lost(100, 11, 0)}, 1, nil},
		{"the bucket bounds the pace", nil, []*scap.Stats{lost(10, 9, 0), lost(20, 18, 0), lost(30, 27, 0)}, 2, nil},
		{"ignore is silent", func(d *config.Drops) { d.Actions = []string{"ignore"} }, []*scap.Stats{lost(10, 9, 0)}, 0, nil},
		{"exit ends the run", func(d *config.Drops) { d.Actions = []string{"exit"} }, []*scap.Stats{lost(10, 9, 0)}, 0, ErrExit},
		{"a simulated loss counts", func(d *config.Drops) { d.Simulate = true }, []*scap.Stats{lost(10, 0, 0)}, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, n := base, 0
			if c.change != nil {
				c.change(&conf)
			}
			d := NewActions(conf, log.New(log.Options{}), func(*output.Alert) { n++ }, start)
			var err error
			for i, s := range c.stats {
				err = d.Check(at(float64(i+1)), s)
			}
			if n != c.alerts || err != c.err {
				t.Errorf("%d alerts, %v; want %d, %v", n, err, c.alerts, c.err)
			}
		})
	}
}

func TestDropAlertCarriesTheCounters(t *testing.T) {
	var got output.Alert
	d := NewActions(config.Drops{Actions: []string{"alert"}, Burst: 1}, log.New(log.Options{}), func(a *output.Alert) { got = *a }, time.Unix(0, 0))
	if err := d.Check(time.Unix(5, 0), lost(100, 30, 1)); err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(got.Fields, &fields); err != nil {
		t.Fatalf("%v in %s", err, got.Fields)
	}
	for k, want := range map[string]string{"n_evts": "100", "n_drops": "31", "n_drops_buffer_total": "30", "n_drops_buffer_open_exit": "30", "n_drops_page_faults": "1"} {
		if fields[k] != want {
			t.Errorf("%s is %q, want %s", k, fields[k], want)
		}
	}
	if string(got.Message) != Rule+". 31 system calls dropped in last second." || !strings.Contains(string(got.Detail), `n_evts="100"`) {
		t.Errorf("%s (%s)", got.Message, got.Detail)
	}
}
