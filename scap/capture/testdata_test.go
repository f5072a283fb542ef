// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

var update = flag.Bool("update", false, "write the captures and the texts of testdata anew")

// testCaptures are the captures of testdata: small.scap is one as we write it,
// old.scap one as agents wrote it when calls had two halves, in old blocks,
// appended.scap.gz both behind each other.
func testCaptures(tb testing.TB) map[string][]byte {
	current := write(tb, sampleTables(), WriterOptions{}, sampleEvents(tb)...)
	old := oldCapture(blockThreadsV8, oldThread(8))
	for i, e := range []*scap.Event{
		event(tb, scap.EvExecveV8E, 1, 7),
		event(tb, scap.EvExecveV8X, 2, 7, p64(0), text("nc"), text("-l"), p64(7), p64(7), p64(1), text("/home/ada"), p64(1024)),
		event(tb, scap.EvOpenE, 3, 7),
		event(tb, scap.EvOpenX, 4, 7, p64(3), text("/etc/hosts"), p32(1), p32(0)),
		event(tb, scap.EvReadE, 5, 7, p64(3), p32(80)),
		event(tb, scap.EvReadX, 6, 7, p64(4), []byte("127.")),
		event(tb, scap.EvCloseE, 7, 7, p64(3)),
		event(tb, scap.EvCloseX, 8, 7, p64(0)),
		event(tb, scap.EvSocketE, 9, 7, p32(2), p32(1), p32(0)),
		event(tb, scap.EvSocketX, 10, 7, p64(3)),
		event(tb, scap.EvAcceptE, 11, 7),
		event(tb, scap.EvAcceptX, 12, 7, p64(4), nil, p8(0)),
	} {
		if i%2 == 0 {
			old = rawEvent(old, blockEventV1, p16(1), withoutCount(e))
		} else {
			old = rawEvent(old, blockEventFlagsV1, body(p16(1), p32(FlagFiltered)), withoutCount(e))
		}
	}
	var z bytes.Buffer
	o := newOutput(&z, true, new(counters))
	for _, b := range [][]byte{old, current} {
		if _, err := o.put(b, 0); err != nil {
			tb.Fatal(err)
		}
		if err := o.close(); err != nil {
			tb.Fatal(err)
		}
	}
	return map[string][]byte{"small.scap": current, "old.scap": old, "appended.scap.gz": z.Bytes()}
}

// TestCapturesInTestdata holds the format itself: files that were written once
// must give the same events for ever.
func TestCapturesInTestdata(t *testing.T) {
	if *update {
		for name, b := range testCaptures(t) {
			got, _, err := read(t, b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for name, b := range map[string][]byte{name: b, name + ".txt": []byte(strings.Join(got, "\n") + "\n")} {
				if err := os.WriteFile(filepath.Join("testdata", name), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, now := range testCaptures(t) {
		path := filepath.Join("testdata", name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		got, r, err := read(t, b, Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		// Compression may change with Go, the format may not.
		if !r.Info().Compressed && !bytes.Equal(b, now) {
			t.Errorf("%s: we would write other bytes today", name)
		}
	}
}
