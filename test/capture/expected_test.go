// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/captool"
	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/scap"
)

// captures is where captures of others lie, with what sysdig 0.41 prints.
const captures = "../../../shared/data/captures"

// TestRealCapturesTellTheSameStory prints each capture as it was printed by
// the other tool. Whatever differs has to be in the table of differences.
func TestRealCapturesTellTheSameStory(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "*.scap"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no captures in %s: what we recorded ourselves is read in the other tests", captures)
	}
	t.Setenv("TZ", "UTC")
	used := map[string]int{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".scap")
		t.Run(name, func(t *testing.T) {
			theirs := filepath.Join(captures, "expected", name)
			compareFields(t, f, theirs+".fields.txt", used)
			compareEvents(t, f, theirs+".events.txt", used)
		})
	}
	for i := range differences {
		if d := &differences[i]; used[d.cause] == 0 {
			t.Errorf("no difference %q any more: take it out of the table", d.cause)
		}
	}
	if testing.Verbose() {
		for i := range differences {
			t.Logf("%5d times: %s", used[differences[i].cause], differences[i].cause)
		}
	}
}

// printed runs `capture print` and returns its lines.
func printed(t *testing.T, file, format string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	err := captool.Print(&captool.System{Stdout: &out, Stderr: &errs}, &cmdline.Capture{File: file, Format: format})
	if err != nil || errs.Len() > 0 {
		t.Fatalf("print %s: %v %s", file, err, &errs)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// diff is a value that is not the same on both sides.
type diff struct {
	num, event, name string // evt.num, evt.type, field or parameter
	ours, theirs     string
	absent           bool // theirs lacks the parameter
	row              map[string]string
}

func (d diff) String() string {
	return fmt.Sprintf("event %s %s: %s is %q, theirs %q", d.num, d.event, d.name, d.ours, d.theirs)
}

// judge fails the test unless the table explains the difference.
func judge(t *testing.T, d *diff, used map[string]int) {
	t.Helper()
	for i := range differences {
		if differences[i].explains(d) {
			used[differences[i].cause]++
			return
		}
	}
	t.Error(d)
}

const eventFormat = "*%evt.num %evt.rawtime %evt.cpu %thread.tid %evt.type %evt.args"

// compareEvents compares the heads and parameters of all events.
func compareEvents(t *testing.T, file, expected string, used map[string]int) {
	ours, theirs := printed(t, file, eventFormat), lines(t, expected)
	if len(ours) != len(theirs) {
		t.Fatalf("%d events, theirs %d", len(ours), len(theirs))
	}
	const head = 5
	for i := range ours {
		a, b := strings.SplitN(ours[i], " ", head+1), strings.SplitN(theirs[i], " ", head+1)
		if x, y := strings.Join(a[:head], " "), strings.Join(b[:head], " "); x != y {
			t.Errorf("event is %s, theirs %s", x, y)
			continue
		}
		event := a[head-1]
		x, y := arguments(event, a[head]), arguments(event, b[head])
		theirValue := map[string]string{}
		for _, p := range y {
			theirValue[p.name] = p.value
		}
		for _, p := range x {
			value, there := theirValue[p.name]
			delete(theirValue, p.name)
			if value != p.value || !there {
				judge(t, &diff{num: a[0], event: event, name: "arg " + p.name, ours: p.value, theirs: value, absent: !there}, used)
			}
		}
		for name, value := range theirValue {
			t.Errorf("event %s %s lacks parameter %s, theirs is %q", a[0], event, name, value)
		}
	}
}

type argument struct{ name, value string }

// arguments splits the text of evt.args. Values may hold blanks and equal
// signs: only the names of the event's parameters begin a new one.
func arguments(event, text string) []argument {
	names := parameters(event)
	var out []argument
	for _, word := range strings.Split(text, " ") {
		name, value, ok := strings.Cut(word, "=")
		switch {
		case ok && names[name]:
			out = append(out, argument{name, value})
		case len(out) > 0:
			out[len(out)-1].value += " " + word
		}
	}
	return out
}

// parameters are the names of the parameters of all versions of an event.
func parameters(event string) map[string]bool {
	names := map[string]bool{}
	for i := range scap.Events {
		if scap.Events[i].Name == event {
			for _, p := range scap.Events[i].Params {
				names[p.Name] = true
			}
		}
	}
	return names
}

// compareFields compares what many fields say of all events.
func compareFields(t *testing.T, file, expected string, used map[string]int) {
	format := lines(t, filepath.Join(captures, "expected", "FORMAT.txt"))[0]
	var names []string
	for _, f := range strings.Split(strings.TrimPrefix(format, "*"), "|") {
		names = append(names, strings.TrimPrefix(f, "%"))
	}
	ours, theirs := printed(t, file, format), lines(t, expected)
	if len(ours) != len(theirs) {
		t.Fatalf("%d events, theirs %d", len(ours), len(theirs))
	}
	for i := range ours {
		a, b := strings.Split(ours[i], "|"), strings.Split(theirs[i], "|")
		if len(a) != len(names) || len(b) != len(names) {
			t.Errorf("%d fields, theirs %d, of %d: %s", len(a), len(b), len(names), ours[i])
			continue
		}
		row := map[string]string{}
		for k, name := range names {
			row[name] = b[k]
		}
		for k, name := range names {
			if a[k] != b[k] {
				judge(t, &diff{num: a[0], event: a[1], name: name, ours: a[k], theirs: b[k], row: row}, used)
			}
		}
	}
}
