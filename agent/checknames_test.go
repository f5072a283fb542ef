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

// A call that is told twice alerts under both names, also by one rule: the first
// name can be one that was put there to hide the second. What is done with the
// descriptor later has the object's own name.
func TestACallThatIsToldTwiceAlertsUnderBothNames(t *testing.T) {
	below := strings.Replace(ruleOn("Below", "x", "below %fd.name"), "fd.name = x", "fd.name startswith /etc/", 1)
	read := strings.Replace(ruleOn("Read", "/etc/file", "read %fd.name"), "evt.type in (open, openat)", "evt.type = pread", 1)
	w := newWorld(t, below+read, "-A")
	w.driver.Play(execCat(), openFile(100, "/etc/decoy"), openFile(100, "/etc/file"),
		scaptest.Named(scap.EvPreadX, ts+1, 100, scaptest.P{"res": 1, "fd": 3, "size": 1, "pos": 0})).End()
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	var got []string
	for line := range strings.Lines(w.out.String()) {
		if _, text, ok := strings.Cut(line, ": Warning "); ok {
			got = append(got, strings.TrimSpace(text))
		}
	}
	if want := []string{"below /etc/decoy", "below /etc/file", "read /etc/file"}; !slices.Equal(got, want) {
		t.Errorf("alerts %q, want %q", got, want)
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
