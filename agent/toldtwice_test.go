// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func openAt(at uint64, tid, fd int64, name string) *scap.Event {
	return scaptest.Named(scap.EvOpenatV2X, at, tid, scaptest.P{"fd": fd, "dirfd": -100, "name": name, "flags": 1, "mode": 0})
}

// A call that is told twice raises one alert a rule, and both if the rules
// differ; two calls raise two.
func TestACallThatIsToldTwiceIsOneAlertARule(t *testing.T) {
	below := strings.Replace(ruleOn("Below", "x", "below %fd.name"), "fd.name = x", "fd.name startswith /etc/", 1)
	link := ruleOn("Link", "/tmp/link", "link %fd.name")
	for name, c := range map[string]struct {
		events []*scap.Event
		want   []string
	}{
		"one rule":       {[]*scap.Event{openAt(ts, 100, 3, "/etc/link"), openAt(ts, 100, 3, "/etc/file")}, []string{"below /etc/link"}},
		"two rules":      {[]*scap.Event{openAt(ts, 100, 3, "/tmp/link"), openAt(ts, 100, 3, "/etc/file")}, []string{"link /tmp/link", "below /etc/file"}},
		"the file alone": {[]*scap.Event{openAt(ts, 100, 3, "/home/x"), openAt(ts, 100, 3, "/etc/file")}, []string{"below /etc/file"}},
		"another time":   {[]*scap.Event{openAt(ts, 100, 3, "/etc/a"), openAt(ts+1, 100, 3, "/etc/b")}, []string{"below /etc/a", "below /etc/b"}},
		"another file":   {[]*scap.Event{openAt(ts, 100, 3, "/etc/a"), openAt(ts, 100, 4, "/etc/b")}, []string{"below /etc/a", "below /etc/b"}},
		"another thread": {[]*scap.Event{openAt(ts, 100, 3, "/etc/a"), openAt(ts, 101, 3, "/etc/b")}, []string{"below /etc/a", "below /etc/b"}},
		"the same again": {[]*scap.Event{openAt(ts, 100, 3, "/etc/a"), openAt(ts, 100, 3, "/etc/a")}, []string{"below /etc/a", "below /etc/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, link+below)
			w.driver.Play(append([]*scap.Event{execCat()}, c.events...)...).End()
			if s := w.run(); s != 0 {
				t.Fatalf("status %d: %s", s, &w.err)
			}
			var got []string
			for line := range strings.Lines(w.out.String()) {
				if _, text, ok := strings.Cut(line, ": Warning "); ok {
					got = append(got, strings.TrimSpace(text))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("alerts %q, want %q", got, c.want)
			}
			if want := "   WARNING: " + string(rune('0'+len(c.want))) + "\n"; !strings.Contains(w.out.String(), want) {
				t.Errorf("the report counts other alerts than there were: %s", &w.out)
			}
		})
	}
}

// engine.check_names reaches the driver at the start and on a reload, and the
// driver is left alone where it asks for nothing.
func TestWhoseNamesAreCheckedCanChangeWithoutARestart(t *testing.T) {
	w := newWorld(t, "")
	rules := w.file("rules.yaml", ruleOn("A", "/etc/a", "a"))
	conf := func(engine string) string {
		return "rules_files: [" + rules + "]\nstdout_output: {enabled: true}\nlog_stderr: true\nwatch_debounce_ms: 20\nengine: {" + engine + "}\n"
	}
	path := w.file("tiercel.yaml", conf("check_names: always"))
	w.sys.Args = []string{"-c", path}
	w.driver.Play(execCat())
	w.start()
	w.until(&w.err, "Watching:")
	w.overwrite(path, conf(""))
	w.reloaded(1)
	checks := func() (got []string) {
		for _, c := range w.driver.Calls() {
			if strings.HasPrefix(c, "SetNameCheck") {
				got = append(got, c)
			}
		}
		return got
	}
	want := []string{"SetNameCheck true", "SetNameCheck false"}
	for end := time.Now().Add(5 * time.Second); !slices.Equal(checks(), want) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := checks(); !slices.Equal(got, want) {
		t.Errorf("the driver was told %q, want %q", got, want)
	}
	if strings.Contains(w.err.String(), "not before a restart") {
		t.Errorf("it is said to need a restart: %s", &w.err)
	}
	w.driver.End()
	w.wait()
}
