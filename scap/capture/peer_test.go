// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

// peer runs an existing tool on a capture: sysdig, or what TIERCEL_SYSDIG
// names (a script that runs one in a chroot, say).
func peer(t *testing.T, file []byte) string {
	t.Helper()
	tool := os.Getenv("TIERCEL_SYSDIG")
	if tool == "" {
		tool = "sysdig"
	}
	if _, err := exec.LookPath(tool); err != nil {
		t.Skip("no sysdig to read our captures with (install it, or name one with TIERCEL_SYSDIG):", err)
	}
	path := filepath.Join(t.TempDir(), "peer.scap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	// Fields of the event, of its thread and of its descriptor, so that a
	// table that is not understood shows.
	const format = "*%evt.num %evt.rawtime %evt.cpu %evt.dir %evt.type %evt.args | %proc.name %proc.args %proc.cwd %proc.pid %proc.exepath" +
		" %thread.vtid %user.name %group.name %proc.env %thread.cgroups %proc.tty %thread.cap_effective | %fd.num %fd.name %fd.l4proto"
	var stderr strings.Builder
	cmd := exec.Command(tool, "-r", path, "-p", format)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", tool, err, stderr.String())
	}
	return string(out)
}

func TestAnExistingToolReadsOurCaptures(t *testing.T) {
	for name, o := range map[string]WriterOptions{
		"plain": {}, "compressed": {Compress: true}, "marked": {EnterEvents: true},
	} {
		t.Run(name, func(t *testing.T) {
			var events []*scap.Event
			for i := range uint64(40000) {
				events = append(events, event(t, scap.EvReadX, i, 7, p64(3), []byte("abc"), p64(3), p32(uint32(i))))
			}
			out := peer(t, write(t, sampleTables(), o, events...))
			if n := strings.Count(out, "\n"); n != len(events) {
				t.Errorf("%d events, want %d", n, len(events))
			}
			first, _, _ := strings.Cut(out, "\n")
			for _, want := range []string{"1 0 0 < read", "size=0", "| nc -l", "/home/ada", "/usr/bin/nc", "ada users", "HOME=/home/ada", "memory=/b",
				"34816", "10.0.0.2:51000->10.0.0.1:8080 tcp"} {
				if !strings.Contains(first, want) {
					t.Errorf("no %q in: %s", want, first)
				}
			}
		})
	}
}

// TestAnExistingToolReadsEveryEvent: with Compatible no event of current
// drivers makes it stop, whether it knows the event or not.
func TestAnExistingToolReadsEveryEvent(t *testing.T) {
	var events []*scap.Event
	for i := range scap.Events {
		info := &scap.Events[i]
		if info.Status != scap.StatusDriver || info.Class == scap.ClassIter {
			continue
		}
		params := make([][]byte, len(info.Params))
		for j := range params {
			w, _ := info.Params[j].Type.Width()
			params[j] = make([]byte, w)
		}
		events = append(events, event(t, info.Code, uint64(i), 7, params...))
	}
	last := event(t, scap.EvReadX, 1e9, 7, p64(3), []byte("the end"), p64(3), p32(80))
	out := peer(t, write(t, sampleTables(), WriterOptions{Compatible: true}, append(events, last)...))
	if n := strings.Count(out, "\n"); !strings.Contains(out, "data=the end") || n < len(events)/2 {
		t.Errorf("%d of %d events:\n%s", n, len(events), out)
	}
}

func TestAnExistingToolSeesNoDifferenceInACopy(t *testing.T) {
	for _, path := range realCaptures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewReader(bytes.NewReader(file), Options{Raw: true})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			w, err := NewWriter(&out, r.Tables(), WriterOptions{Compress: true})
			if err != nil {
				t.Fatal(err)
			}
			_ = readAll(r, func(_ int, e *scap.Event) {
				if err := w.Write(e); err != nil {
					t.Fatal(err)
				}
			})
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(peer(t, file), "\n"), strings.Split(peer(t, out.Bytes()), "\n")); d != "" {
				t.Errorf("(-original +copy):\n%s", d)
			}
		})
	}
}
