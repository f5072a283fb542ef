// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

// FuzzRead reads whatever comes. It must end, with io.EOF or an *Error, and
// what it hands out must be events that the tables know. What was read must
// come back from a copy.
func FuzzRead(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.scap*")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds in testdata", err)
	}
	for _, path := range seeds {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(oldCapture(blockThreadsV8, oldThread(8)))
	f.Add(oldCapture(blockThreadsV1, oldThread(1)))
	f.Fuzz(func(t *testing.T, file []byte) {
		var known *Error
		r, err := NewReader(bytes.NewReader(file), Options{})
		if err != nil {
			if !errors.As(err, &known) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, r.Tables(), WriterOptions{EnterEvents: true})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		err = readAll(r, func(_ int, e *scap.Event) {
			if i := e.Info(); i == nil || e.NumParams() > len(i.Params) || i.Flags&(scap.EFUnused) != 0 {
				t.Fatalf("event %d with %d parameters", e.Type(), e.NumParams())
			}
			want = append(want, describe(e))
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		})
		if err != io.EOF && !errors.As(err, &known) {
			t.Fatalf("%T: %v", err, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, _, err := read(t, out.Bytes(), Options{})
		if err != nil {
			t.Fatalf("the copy: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d events, %d in the copy", len(want), len(got))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("event %d: %s, in the copy %s", i, want[i], got[i])
			}
		}
	})
}

// FuzzConvert makes a capture of events of any type with any number of
// parameters, so that the fuzzer need not find the framing. What comes out must
// be of the newest version.
func FuzzConvert(f *testing.F) {
	seed := func(events ...*scap.Event) {
		var b []byte
		for _, e := range events {
			b = binary.LittleEndian.AppendUint16(b, uint16(e.Type()))
			b = append(b, byte(e.TID()), byte(e.NumParams()))
			for i := range e.NumParams() {
				b = append(append(b, byte(len(e.Param(i)))), e.Param(i)...)
			}
		}
		f.Add(b, false)
		f.Add(b, true)
	}
	seed(mixed(f, true)...)
	seed(event(f, scap.EvExecveV19E, 1, 7, text("/bin/sh")), event(f, scap.EvExecveV8X, 2, 7, make([][]byte, 8)...))
	seed(event(f, scap.EvContainerE, 1, 1, text("a"), p32(1), text("b"), text("\xff\"")))
	seed(event(f, scap.EvConnectE, 1, 7, p64(3)), event(f, scap.EvConnectX, 2, 7, p64(0), nil))
	f.Fuzz(func(t *testing.T, b []byte, strict bool) {
		var c converter
		var stats Stats
		c.init(&stats, strict)
		for len(b) >= 4 {
			typ := scap.EventType(binary.LittleEndian.Uint16(b)) % scap.EventType(len(scap.Events))
			tid, n := int64(b[2]), int(b[3])%(len(typ.Info().Params)+1)
			b = b[4:]
			params := make([][]byte, 0, n)
			for len(params) < n && len(b) > 0 {
				size := min(int(b[0]), len(b)-1)
				params = append(params, b[1:1+size])
				b = b[1+size:]
			}
			e := event(t, typ, 1, tid, params...)
			before := describe(e)
			c.reset()
			keep, err := c.convert(e)
			if err != nil || !keep {
				continue
			}
			v, err := judge(e.Type(), e.NumParams())
			if u := c.table.find(e.Type(), e.NumParams()); err != nil || v != keepEvent && !(u != nil && u.pass) {
				t.Fatalf("%s became %s", before, describe(e))
			}
		}
	})
}
