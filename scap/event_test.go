// SPDX-License-Identifier: Apache-2.0

package scap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// openat is an event with a parameter of every kind of width.
func openat() []byte {
	return scaptest.Bytes(scap.EvOpenatV2X, 1234, 42,
		-2, -100, "/etc/shadow", scap.FileFlagsORdonly|scap.FileFlagsOCloexec, 0o644, 7, 99)
}

func TestDecodeGivesTheHeader(t *testing.T) {
	e := scaptest.Decode(openat())
	if e.Timestamp() != 1234 || e.TID() != 42 || e.Type() != scap.EvOpenatV2X || e.NumParams() != 7 {
		t.Errorf("ts %d, tid %d, type %v, %d parameters", e.Timestamp(), e.TID(), e.Type(), e.NumParams())
	}
	if e.Info().Enum != "PPME_SYSCALL_OPENAT_2_X" {
		t.Errorf("type is %s", e.Info().Enum)
	}
}

func TestParametersAreDecodedByTheirWidth(t *testing.T) {
	e := scaptest.Decode(openat())
	if v, ok := e.Int(0); v != -2 || !ok {
		t.Errorf("fd %d, %v", v, ok)
	}
	if v, ok := e.Uint(3); v != 4097 || !ok {
		t.Errorf("flags %d, %v", v, ok)
	}
	if s, ok := e.Str(2); s != "/etc/shadow" || !ok {
		t.Errorf("name %q, %v", s, ok)
	}
	for _, c := range []struct {
		bytes  []byte
		uint   uint64
		int    int64
		number bool
	}{
		{[]byte{0xfe}, 0xfe, -2, true},
		{[]byte{0xfe, 0xff}, 0xfffe, -2, true},
		{[]byte{0xfe, 0xff, 0xff, 0xff}, 0xfffffffe, -2, true},
		{[]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0xfffffffffffffffe, -2, true},
		{[]byte{1, 2, 3}, 0, 0, false},
		{[]byte{}, 0, 0, false},
	} {
		e := scaptest.Decode(scaptest.Raw(scap.EvCloseX, 0, 0, c.bytes))
		u, ok := e.Uint(0)
		i, ok2 := e.Int(0)
		if u != c.uint || i != c.int || ok != c.number || ok2 != c.number {
			t.Errorf("%v: %d %v, %d %v", c.bytes, u, ok, i, ok2)
		}
	}
}

func TestTextIsWithoutItsNUL(t *testing.T) {
	for _, c := range []struct {
		param []byte
		want  string
		ok    bool
	}{
		{nil, "", false},
		{[]byte{0}, "", true},
		{[]byte("a\x00"), "a", true},
		{[]byte("cut off"), "cut off", true},
	} {
		e := scaptest.Decode(scaptest.Raw(scap.EvCloseX, 0, 0, c.param))
		if s, ok := e.Str(0); s != c.want || ok != c.ok {
			t.Errorf("%q: got %q, %v", c.param, s, ok)
		}
	}
}

func TestAnAbsentParameterIsNilAnEmptyOneIsNot(t *testing.T) {
	e := scaptest.Decode(scaptest.Raw(scap.EvCloseX, 0, 0, nil))
	if p := e.Param(0); p == nil || len(p) != 0 {
		t.Errorf("empty: %v", p)
	}
	for _, i := range []int{-1, 1, scap.MaxParams, 1 << 40} {
		if p := e.Param(i); p != nil {
			t.Errorf("parameter %d: %v", i, p)
		}
	}
	if _, ok := e.Str(5); ok {
		t.Error("absent text")
	}
}

func TestBytesBehindTheEventAreIgnored(t *testing.T) {
	raw := openat()
	e := scaptest.Decode(append(slices.Clone(raw), 1, 2, 3))
	if !bytes.Equal(e.Raw(), raw) {
		t.Errorf("raw has %d bytes, want %d", len(e.Raw()), len(raw))
	}
}

func TestAnUnknownTypeIsAccepted(t *testing.T) {
	e := scaptest.Decode(scaptest.Raw(9999, 1, 2, []byte{1}))
	if e.Info() != nil || e.Type().String() != "unknown" {
		t.Errorf("info %v, name %s", e.Info(), e.Type())
	}
	if v, _ := e.Uint(0); v != 1 {
		t.Errorf("parameter %d", v)
	}
}

func TestMoreParametersThanWeKnowArePassedOver(t *testing.T) {
	// The encoder makes no such event: one with 40 parameters of one byte.
	const n = 40
	b := make([]byte, 0, scap.HeaderSize+3*n)
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = binary.LittleEndian.AppendUint64(b, 2)
	b = binary.LittleEndian.AppendUint32(b, scap.HeaderSize+3*n)
	b = binary.LittleEndian.AppendUint16(b, uint16(scap.EvCloseX))
	b = binary.LittleEndian.AppendUint32(b, n)
	for range n {
		b = binary.LittleEndian.AppendUint16(b, 1)
	}
	for i := range n {
		b = append(b, byte(i))
	}
	e := scaptest.Decode(b)
	if e.NumParams() != scap.MaxParams {
		t.Errorf("%d parameters", e.NumParams())
	}
	if v, ok := e.Uint(scap.MaxParams - 1); v != scap.MaxParams-1 || !ok {
		t.Errorf("last one is %d, %v", v, ok)
	}
	if e.Param(scap.MaxParams) != nil {
		t.Error("there is one more")
	}
}

func TestMalformedEventsAreRefused(t *testing.T) {
	change := func(at int, v ...byte) []byte {
		b := openat()
		copy(b[at:], v)
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, scap.ErrTruncated},
		{"half a header", openat()[:scap.HeaderSize-1], scap.ErrTruncated},
		{"one byte short", openat()[:len(openat())-1], scap.ErrTruncated},
		{"length shorter than a header", change(16, 25, 0, 0, 0), scap.ErrBadEvent},
		{"length 0", change(16, 0, 0, 0, 0), scap.ErrBadEvent},
		{"more lengths than bytes", change(22, 0xff, 0xff, 0xff, 0xff), scap.ErrBadEvent},
		{"parameter beyond the end", change(scap.HeaderSize, 0xff, 0xff), scap.ErrBadEvent},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := scaptest.Decode(openat())
			if err := e.Decode(c.b); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			// Nothing of the event before may be mixed in.
			if e.NumParams() != 0 || e.Param(0) != nil || e.Timestamp() != 0 || e.TID() != 0 || e.Raw() != nil {
				t.Errorf("event is not empty: %+v", e)
			}
		})
	}
}

func TestTheLargeLayoutHoldsLargeParameters(t *testing.T) {
	big := bytes.Repeat([]byte{7}, 100_000)
	if _, err := scap.AppendEvent(nil, scap.EvCloseX, 1, 2, big); err == nil {
		t.Error("100000 bytes fitted a 16-bit length")
	}
	b, err := scap.AppendLargeEvent(nil, scap.EvCloseX, 1, 2, []byte{1}, big)
	if err != nil {
		t.Fatal(err)
	}
	var e scap.Event
	if err := e.DecodeLarge(b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Param(1), big) || !bytes.Equal(e.Param(0), []byte{1}) {
		t.Error("parameters changed")
	}
}

func TestTheEncoderRefusesWhatDoesNotFit(t *testing.T) {
	keep := []byte("keep")
	b, err := scap.AppendEvent(keep, scap.EvCloseX, 1, 2, make([][]byte, scap.MaxParams+1)...)
	if err == nil || string(b) != "keep" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestACloneOutlivesTheBytes(t *testing.T) {
	raw := openat()
	c := scaptest.Decode(raw).Clone()
	clear(raw)
	if s, _ := c.Str(2); s != "/etc/shadow" || c.Timestamp() != 1234 {
		t.Errorf("clone changed: %q at %d", s, c.Timestamp())
	}
}

func TestAnAppendToBorrowedBytesWritesElsewhere(t *testing.T) {
	b := append(openat(), 0xaa)
	e := scaptest.Decode(b)
	_ = append(e.Raw(), 0xbb)
	_ = append(e.Param(2), 0xbb)
	if b[len(b)-1] != 0xaa || e.Raw()[0] == 0xbb {
		t.Error("the bytes behind were overwritten")
	}
	if s, _ := e.Str(2); s != "/etc/shadow" {
		t.Errorf("parameter changed to %q", s)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	raw := openat()
	var e scap.Event
	n := testing.AllocsPerRun(100, func() {
		if e.Decode(raw) != nil {
			t.Fatal("refused")
		}
		_, _ = e.Str(2)
		_, _ = e.Int(0)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEveryEventOfTheTablesFits(t *testing.T) {
	most := 0
	for i := range scap.Events {
		most = max(most, len(scap.Events[i].Params))
	}
	if most > scap.MaxParams {
		t.Errorf("an event has %d parameters, MaxParams is %d", most, scap.MaxParams)
	}
}

// FuzzDecode holds the codec's law: what decodes lies within the bytes given,
// and encoding its parameters again gives the same event.
func FuzzDecode(f *testing.F) {
	f.Add(openat())
	f.Add(scaptest.NamedBytes(scap.EvExecveV19X, 1, 2, scaptest.P{"exe": "a", "env": []string{"A=b"}}))
	f.Add([]byte{})
	f.Add(openat()[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		var e scap.Event
		if err := e.Decode(b); err == nil {
			params := make([][]byte, e.NumParams())
			for i := range params {
				params[i] = e.Param(i)
				_, _ = e.Int(i)
				_, _ = e.Uint(i)
				_, _ = e.Str(i)
				_, _ = scap.DecodeSockaddr(params[i])
				_, _ = scap.DecodeSocktuple(params[i])
			}
			again, err := scap.AppendEvent(nil, e.Type(), e.Timestamp(), e.TID(), params...)
			if err != nil {
				t.Fatal(err)
			}
			n := binary.LittleEndian.Uint32(b[22:])
			if n <= scap.MaxParams && !bytes.HasPrefix(e.Raw()[scap.HeaderSize:], again[scap.HeaderSize:]) {
				t.Errorf("encoding again differs:\n%x\n%x", e.Raw(), again)
			}
		} else if e.NumParams() != 0 {
			t.Error("parameters after an error")
		}
		if e.DecodeLarge(b) == nil {
			for i := range e.NumParams() {
				_ = e.Param(i)
			}
		}
	})
}

var sink uint64

// BenchmarkDecode measures an event of each size: the header and lengths, then
// all parameters as well.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name string
		raw  []byte
	}{
		{"close (2 params)", scaptest.Bytes(scap.EvCloseX, 1, 2, 0, 3)},
		{"openat (7 params)", openat()},
		{"execve (31 params)", execve()},
	} {
		b.Run("header/"+c.name, func(b *testing.B) {
			var e scap.Event
			b.ReportAllocs()
			b.SetBytes(int64(len(c.raw)))
			for b.Loop() {
				if e.Decode(c.raw) != nil {
					b.Fatal("refused")
				}
				sink += e.Timestamp()
			}
		})
		b.Run("params/"+c.name, func(b *testing.B) {
			var e scap.Event
			b.ReportAllocs()
			b.SetBytes(int64(len(c.raw)))
			for b.Loop() {
				if e.Decode(c.raw) != nil {
					b.Fatal("refused")
				}
				for i := range e.NumParams() {
					if v, ok := e.Uint(i); ok {
						sink += v
					} else if s, ok := e.Str(i); ok {
						sink += uint64(len(s))
					}
				}
			}
		})
	}
}

func execve() []byte {
	all := make([]any, len(scap.Events[scap.EvExecveV19X].Params))
	for i, p := range scap.Events[scap.EvExecveV19X].Params {
		switch _, fixed := p.Type.Width(); {
		case fixed:
			all[i] = i
		case p.Type.IsText():
			all[i] = "/usr/bin/something"
		default:
			all[i] = []string{"one=1", "two=2", "three=3"}
		}
	}
	return scaptest.Bytes(scap.EvExecveV19X, 1, 2, all...)
}

func BenchmarkAppendEvent(b *testing.B) {
	params := [][]byte{make([]byte, 8), make([]byte, 8), []byte("/etc/passwd\x00")}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = scap.AppendEvent(buf[:0], scap.EvOpenatV2X, 1, 2, params...)
	}
}
