// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

// mixed are events as a busy host makes them, or as drivers made them before
// exit events had all parameters.
func mixed(tb testing.TB, old bool) []*scap.Event {
	tb.Helper()
	data := bytes.Repeat([]byte("d"), 80)
	path := text("/usr/lib/x86_64-linux-gnu/libc.so.6")
	if !old {
		return []*scap.Event{
			event(tb, scap.EvOpenatV2X, 0, 7, p64(3), p64(-100), path, p32(1), p32(0), p32(1), p64(9)),
			event(tb, scap.EvReadX, 0, 7, p64(80), data, p64(3), p32(80)),
			event(tb, scap.EvWriteX, 0, 8, p64(80), data, p64(1), p32(80)),
			event(tb, scap.EvFutexX, 0, 9, p64(0), p64(1), p16(1), p64(2)),
			event(tb, scap.EvCloseX, 0, 7, p64(0), p64(3)),
		}
	}
	return []*scap.Event{
		event(tb, scap.EvReadE, 0, 7, p64(3), p32(80)),
		event(tb, scap.EvWriteE, 0, 8, p64(1), p32(80)),
		event(tb, scap.EvReadX, 0, 7, p64(80), data),
		event(tb, scap.EvWriteX, 0, 8, p64(80), data),
		event(tb, scap.EvCloseE, 0, 7, p64(3)),
		event(tb, scap.EvCloseX, 0, 7, p64(0)),
	}
}

const million = 1_000_000

// millionFile writes a capture of a million events.
func millionFile(tb testing.TB, old bool, o WriterOptions) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "million.scap")
	rec, err := Record(path, RecordOptions{WriterOptions: o})
	if err != nil {
		tb.Fatal(err)
	}
	events := mixed(tb, old)
	for i := range million {
		if err := rec.Write(events[i%len(events)]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := rec.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

func perSecond(b *testing.B, events int) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRead reads captures of a million events. Of old ones half are enter
// events that are merged into the others.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		old  bool
		o    Options
		w    WriterOptions
	}{
		{"current", false, Options{}, WriterOptions{}},
		{"current gzip", false, Options{}, WriterOptions{Compress: true}},
		{"old converted", true, Options{}, WriterOptions{}},
		{"old raw", true, Options{Raw: true}, WriterOptions{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			path := millionFile(b, c.old, c.w)
			b.ReportAllocs()
			for b.Loop() {
				r, err := Open(path, c.o)
				if err != nil {
					b.Fatal(err)
				}
				if err := readAll(r, func(int, *scap.Event) {}); err != io.EOF {
					b.Fatal(err)
				}
				r.Close()
			}
			perSecond(b, million*b.N)
		})
	}
}

// BenchmarkWrite measures what encoding costs, and what a Recorder does with
// its other goroutine beside it. The disk does not count: nothing is kept.
func BenchmarkWrite(b *testing.B) {
	events := mixed(b, false)
	b.Run("encode", func(b *testing.B) {
		w, err := NewWriter(io.Discard, nil, WriterOptions{})
		if err != nil {
			b.Fatal(err)
		}
		benchWrite(b, w.Write, w.Close, events)
	})
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprintf("recorder compress=%v", compress), func(b *testing.B) {
			rec, err := Record(os.DevNull, RecordOptions{WriterOptions: WriterOptions{Compress: compress}})
			if err != nil {
				b.Fatal(err)
			}
			benchWrite(b, rec.Write, rec.Close, events)
		})
	}
}

func benchWrite(b *testing.B, write func(*scap.Event) error, done func() error, events []*scap.Event) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := write(events[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(events) {
			i = 0
		}
	}
	if err := done(); err != nil {
		b.Fatal(err)
	}
	perSecond(b, b.N)
}
