// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/agent"
	"github.com/tiercel/tiercel/agent/captool"
	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
)

// session is a capture of a shell script, made by test/capture/make.
const session = "testdata/session.scap"

func TestOurOwnCaptureTellsWhatTheScriptDid(t *testing.T) {
	const filter = "evt.type in (chdir, execve, mkdir, rmdir, unlinkat, write) or evt.type = openat and fd.name startswith /tmp or evt.failed = true and evt.type = openat"
	var out bytes.Buffer
	err := captool.Print(&captool.System{Stdout: &out, Stderr: &out}, &cmdline.Capture{
		File: session, Filter: filter, Format: "*%proc.name %evt.type %evt.res %fs.path.name %fd.name | %proc.cmdline | %proc.exepath %proc.cwd",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		l = strings.ReplaceAll(l, "<NA> ", "")
		if strings.HasPrefix(l, "sh ") { // the script is its own command line
			before, _, _ := strings.Cut(l, " | ")
			l = before
		}
		got = append(got, l)
	}
	want := []string{
		"sh chdir SUCCESS",
		"mkdir execve SUCCESS | mkdir tiercel-capture | /usr/bin/mkdir /tmp/",
		"mkdir mkdir SUCCESS /tmp/tiercel-capture | mkdir tiercel-capture | /usr/bin/mkdir /tmp/",
		"sh openat SUCCESS /tmp/tiercel-capture/f /tmp/tiercel-capture/f",
		"sh write SUCCESS /tmp/tiercel-capture/f",
		"cat execve SUCCESS | cat tiercel-capture/f | /usr/bin/cat /tmp/",
		"cat openat SUCCESS /tmp/tiercel-capture/f /tmp/tiercel-capture/f | cat tiercel-capture/f | /usr/bin/cat /tmp/",
		"cat write SUCCESS | cat tiercel-capture/f | /usr/bin/cat /tmp/",
		"tr execve SUCCESS | tr a-z A-Z | /usr/bin/tr /tmp/",
		"tr write SUCCESS /dev/null | tr a-z A-Z | /usr/bin/tr /tmp/",
		"cat execve SUCCESS | cat /nowhere | /usr/bin/cat /tmp/",
		"cat openat ENOENT /nowhere /nowhere | cat /nowhere | /usr/bin/cat /tmp/",
	}
	if len(got) > len(want) {
		got = got[:len(want)]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// run runs the agent on a capture.
func run(t *testing.T, file string, rules string) (status int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	status = agent.Main(&agent.System{
		Args:   []string{"-r", path, "-e", file, "-o", "time_format_iso_8601=true"},
		Stdout: &out, Stderr: &errs, Search: []string{}, HostRoot: "/nowhere",
		Env:  func(string) (string, bool) { return "", false },
		Open: func(string, drivers.Options) (scap.Driver, error) { return nil, errors.New("a replay needs no driver") },
	})
	return status, out.String(), errs.String()
}

const sessionRule = `
- rule: Program run from a script
  desc: d
  condition: evt.type = execve and proc.pname = sh
  output: ran %proc.cmdline below %proc.aname[1] of %user.name
  priority: NOTICE
`

func TestOurOwnCaptureReplays(t *testing.T) {
	status, stdout, stderr := run(t, session, sessionRule)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"Notice ran cat tiercel-capture/f below sh of root\n", "Events detected: 7\n", "   looked at: 403\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q: %s", want, stdout)
		}
	}
}

// TestACutAnywhereGivesEveryWholeEvent cuts the plain capture at many places.
func TestACutAnywhereGivesEveryWholeEvent(t *testing.T) {
	plain := unpacked(t)
	whole, err := count(plain)
	if err != nil || whole == 0 {
		t.Fatalf("%d events: %v", whole, err)
	}
	last := 0
	for n := len(plain) - 1; n > 28; n -= 1 + n/70 {
		got, err := count(plain[:n])
		if got > whole {
			t.Fatalf("cut at %d: %d events of %d", n, got, whole)
		}
		if err != nil && !errors.Is(err, capture.ErrTruncated) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if err == nil {
			last++ // exactly between two blocks
		}
	}
	if last > 20 {
		t.Errorf("%d cuts were not noticed", last)
	}
}

func unpacked(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open(session)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func count(content []byte) (events int, err error) {
	r, err := capture.NewReader(bytes.NewReader(content), capture.Options{})
	if err != nil {
		return 0, err
	}
	var b scap.Batch
	for {
		err := r.Next(&b, 0)
		events += len(b.Events)
		r.Release(&b)
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return events, err
		}
	}
}
