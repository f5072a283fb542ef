// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

func TestEventsAreReadAsTheyWereWritten(t *testing.T) {
	for _, o := range []WriterOptions{{}, {Compress: true}} {
		events := sampleEvents(t)
		got, r, err := read(t, write(t, sampleTables(), o, events...), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(describeAll(events), got); d != "" {
			t.Errorf("compress %v (-want +got):\n%s", o.Compress, d)
		}
		if s := r.Stats(); s.Events != uint64(len(events)) || s.Converted+s.Stored+s.Dropped+s.Unknown+s.Late != 0 {
			t.Errorf("counters %+v", s)
		}
	}
}

func TestWhatIsReadIsWrittenAsTheSameBytes(t *testing.T) {
	files := [][]byte{write(t, sampleTables(), WriterOptions{}, sampleEvents(t)...)}
	for _, file := range files {
		r, err := NewReader(bytes.NewReader(file), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, r.Tables(), WriterOptions{})
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
		if !bytes.Equal(file, out.Bytes()) {
			t.Error("the copy differs")
		}
	}
}

func TestRealCapturesSurviveACopy(t *testing.T) {
	for _, path := range realCaptures(t) {
		r, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, r.Tables(), WriterOptions{Compress: true})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		_ = readAll(r, func(_ int, e *scap.Event) {
			want = append(want, describe(e))
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, again, err := read(t, out.Bytes(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
		sameTables(t, r.Tables(), again.Tables())
		r.Close()
	}
}

// rawEvent is an event block with whatever bytes.
func rawEvent(file []byte, t blockType, head, raw []byte) []byte {
	return appendBlock(file, t, func(b []byte) []byte { return append(append(b, head...), raw...) })
}

// withoutCount makes the event as it was before headers told the number of
// parameters.
func withoutCount(e *scap.Event) []byte {
	raw := slices.Clone(e.Raw())
	binary.LittleEndian.PutUint32(raw[offLen:], uint32(len(raw)-4))
	return append(raw[:oldHeader], raw[scap.HeaderSize:]...)
}

func TestEventBlocksOfEveryVersion(t *testing.T) {
	e := event(t, scap.EvCloseX, 5, 7, p64(0), p64(3))
	e.CPU = 2
	flagged := e.Clone()
	flagged.Flags = FlagFiltered
	for _, tc := range []struct {
		block blockType
		head  []byte
		raw   []byte
		want  *scap.Event
	}{
		{0x204, p16(2), withoutCount(e), e},
		{0x8010ABCD, p16(2), withoutCount(e), e},
		{0x208, body(p16(2), p32(1)), withoutCount(e), flagged},
		{0x216, p16(2), e.Raw(), e},
		{0x217, body(p16(2), p32(1)), e.Raw(), flagged},
	} {
		got, _, err := read(t, rawEvent(appendSection(nil, false), tc.block, tc.head, tc.raw), Options{})
		if err != nil {
			t.Errorf("%#x: %v", uint32(tc.block), err)
		} else if len(got) != 1 || got[0] != describe(tc.want) {
			t.Errorf("%#x: %v, want %s", uint32(tc.block), got, describe(tc.want))
		}
	}
	large := event(t, scap.EvPlugineventE, 5, -1, p32(9), bytes.Repeat([]byte("x"), 70000))
	for _, flags := range []uint32{0, FlagFiltered} {
		large.Flags = flags
		got, _, err := read(t, write(t, nil, WriterOptions{}, large), Options{})
		if err != nil || len(got) != 1 || got[0] != describe(large) {
			t.Errorf("large event with flags %d: %d events, %v", flags, len(got), err)
		}
	}
}

func TestTheNumberOfParametersOfOldEventsIsFound(t *testing.T) {
	raw := Options{Raw: true}
	for _, tc := range []struct {
		name string
		e    *scap.Event
		edit func(raw []byte)
		want int
	}{
		{"as many as the table has", event(t, scap.EvReadX, 1, 1, p64(1), text("x"), p64(3), p32(80)), nil, 4},
		{"fewer", event(t, scap.EvReadX, 1, 1, p64(1), text("x")), nil, 2},
		{"none", event(t, scap.EvExecveV8E, 1, 1), nil, 0},
		{"a length that is three too large, once", event(t, longCode1, 1, 1, p64(1)), func(raw []byte) { raw[offLen] += 3 }, 1},
		{"a length that is three too large, the other", event(t, longCode2, 1, 1, p64(1), p32(1)), func(raw []byte) { raw[offLen] += 3 }, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old := withoutCount(tc.e)
			if tc.edit != nil {
				tc.edit(old)
				old = append(old, 0, 0, 0)
			}
			r, err := NewReader(bytes.NewReader(rawEvent(appendSection(nil, false), blockEventV1, p16(0), old)), raw)
			if err != nil {
				t.Fatal(err)
			}
			n := -1
			_ = readAll(r, func(_ int, e *scap.Event) { n = e.NumParams() })
			if n != tc.want {
				t.Errorf("%d parameters, want %d", n, tc.want)
			}
		})
	}
	old := withoutCount(event(t, scap.EvReadX, 1, 1, p64(1), text("x")))
	old[oldHeader]-- // no count fits any more
	_, _, err := read(t, rawEvent(appendSection(nil, false), blockEventV1, p16(0), old), raw)
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("error %v, want a damage", err)
	}
}

func TestEventsOfUnknownCodesAreCountedAndPassedOver(t *testing.T) {
	e := sampleEvents(t)[0]
	future := slices.Clone(e.Raw())
	future[offType], future[offType+1] = 0xff, 0x7f
	ours := slices.Clone(e.Raw())
	ours[offType], ours[offType+1] = 0, 0x80
	file := rawEvent(appendSection(nil, false), blockEvent, p16(0), future)
	file = rawEvent(file, blockEvent, p16(0), ours)
	file = rawEvent(file, blockEvent, p16(0), e.Raw())
	got, r, err := read(t, file, Options{})
	if err != nil || len(got) != 1 || r.Stats().Unknown != 2 {
		t.Errorf("%v, %v, counters %+v", got, err, r.Stats())
	}
}

func TestParametersThatTheTableLacksAreLeftOut(t *testing.T) {
	// sched_switch is not the converter's business: a newer version may have more.
	more := event(t, scap.EvSchedswitchV6E, 1, 1, p64(1), p64(2), p64(3), p32(4), p32(5), p32(6), p32(7))
	got, _, err := read(t, write(t, nil, WriterOptions{}, more), Options{})
	if want := event(t, scap.EvSchedswitchV6E, 1, 1, p64(1), p64(2), p64(3), p32(4), p32(5), p32(6)); err != nil || len(got) != 1 || got[0] != describe(want) {
		t.Errorf("%v, %v", got, err)
	}
	bad := event(t, scap.EvCloseX, 1, 1, p64(1), p64(2), p64(3))
	if _, _, err := read(t, write(t, nil, WriterOptions{}, bad), Options{}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "PPME_SYSCALL_CLOSE_X has 3 parameters, known are 2") {
		t.Errorf("error %v: the parameters of an event that is upgraded are known", err)
	}
}

func TestDamagedEvents(t *testing.T) {
	good := sampleEvents(t)[0]
	for name, damage := range map[string]func(raw []byte) []byte{
		"longer than its block":      func(b []byte) []byte { b[offLen] += 9; return b },
		"shorter than a header":      func(b []byte) []byte { b[offLen] = 25; return b },
		"values longer than it":      func(b []byte) []byte { b[scap.HeaderSize]++; return b },
		"lengths longer than it":     func(b []byte) []byte { b[offNParams+1] = 1; return b },
		"a block without an event":   func([]byte) []byte { return nil },
		"a number that no event had": func(b []byte) []byte { b[offNParams] = 3; return b },
	} {
		t.Run(name, func(t *testing.T) {
			file := rawEvent(appendSection(nil, false), blockEvent, p16(0), good.Raw())
			at := len(file)
			file = rawEvent(file, blockEvent, p16(0), damage(slices.Clone(good.Raw())))
			file = rawEvent(file, blockEvent, p16(0), good.Raw())
			got, _, err := read(t, file, Options{})
			var e *Error
			if len(got) != 1 || !errors.Is(err, ErrMalformed) || !errors.As(err, &e) || e.Offset != int64(at) {
				t.Errorf("%d events, error %v; want 1, and a damage at byte %d", len(got), err, at)
			}
		})
	}
}

func TestLateEventsAreCounted(t *testing.T) {
	e := sampleEvents(t)
	_, r, err := read(t, write(t, nil, WriterOptions{}, e[1], e[0], e[2]), Options{})
	if err != nil || r.Stats().Late != 1 || r.Stats().Events != 3 {
		t.Errorf("%+v, %v", r.Stats(), err)
	}
}
