// SPDX-License-Identifier: Apache-2.0

package rulecost

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/state"
)

// events are of one program that reads its key ten times.
func events() []*scap.Event {
	const ts = 1_700_000_000e9
	list := []*scap.Event{scaptest.Named(scap.EvExecveV19X, ts, 7, scaptest.P{
		"res": 0, "exe": "/usr/bin/app", "comm": "app", "tid": 7, "pid": 7, "ptid": 1, "trusted_exepath": "/usr/bin/app"})}
	for i := range uint64(10) {
		list = append(list, scaptest.Named(scap.EvOpenatV2X, ts+i+1, 7, scaptest.P{
			"fd": 3, "dirfd": -100, "name": "/etc/key", "flags": uint32(state.OpenRead)}))
	}
	return list
}

func TestProfileOfLiveEvents(t *testing.T) {
	set := load(t, someRules)
	src := scaptest.NewDriver()
	all := scap.NewSyscallSet(scap.SCExecve, scap.SCOpenat)
	if _, err := src.SetInterestingSyscalls(scap.Selection{Exit: all}); err != nil {
		t.Fatal(err)
	}
	if err := src.Start(); err != nil {
		t.Fatal(err)
	}
	src.Play(events()...).End()
	var b strings.Builder
	o := ProfileOptions{Duration: time.Minute, JSON: true}
	if err := ProfileLive(&b, set, rules.MatchFirst, src, state.New(state.Options{}), nil, o); err != nil {
		t.Fatal(err)
	}
	var got profile
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Events != 11 || len(got.Rules) != 3 {
		t.Errorf("%d events, %d rules: %s", got.Events, len(got.Rules), &b)
	}
	for _, r := range got.Rules {
		if want := map[string]uint64{"Key read": 10}[r.Rule]; r.Matches != want {
			t.Errorf("rule %s matched %d times, want %d", r.Rule, r.Matches, want)
		}
	}
}

func TestProfileStopsWhenItIsTold(t *testing.T) {
	src := scaptest.NewDriver()
	stop := make(chan struct{})
	close(stop)
	var b strings.Builder
	if err := ProfileLive(&b, load(t, someRules), rules.MatchFirst, src, state.New(state.Options{}), stop,
		ProfileOptions{Duration: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "0 events") {
		t.Error(b.String())
	}
}

func TestProfileOfACapture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.scap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(f, &capture.Tables{}, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events() {
		if err := w.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := ProfileCapture(&b, load(t, someRules), rules.MatchFirst, path, ProfileOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"11 events in ", "  Key read\n", "2 rules were never evaluated"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	err = ProfileCapture(&b, load(t, someRules), rules.MatchFirst, path+"x", ProfileOptions{})
	if err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("of a file that is not there: %v", err)
	}
}
