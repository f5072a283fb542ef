// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// allRefs resolves every field, with an argument where it needs or takes one.
func allRefs(t testing.TB) []*fields.Ref {
	t.Helper()
	var refs []*fields.Ref
	add := func(name, arg string, hasArg bool) {
		ref, err := fields.Resolve(fields.Default(), name, arg, hasArg)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, &ref)
	}
	args := map[string]string{"evt.arg": "name", "evt.rawarg": "flags", "evt.type.is": "open", "evt.abspath": "src", "evt.around": "1"}
	for _, c := range fields.Default().Classes() {
		for _, f := range c.Fields {
			if f.Arg != fields.ArgRequired {
				add(f.Name, "", false)
			}
			arg := args[f.Name]
			switch {
			case f.Arg == fields.ArgNone:
				continue
			case arg != "":
			case f.ArgIndex:
				arg = "1"
			default:
				arg = "HOME"
			}
			add(f.Name, arg, true)
		}
	}
	for i := range scap.MaxParams {
		add("evt.arg", strconv.Itoa(i), true)
	}
	return refs
}

// TestExtractionDoesNotAllocate holds for every field on events of different
// kinds, ancestors and several values included.
func TestExtractionDoesNotAllocate(t *testing.T) {
	refs := allRefs(t)
	e := newWorld(t)
	for _, in := range append(connected(), openat(3, "notes.txt"), named(scap.EvFchmodX, scaptest.P{"res": 0, "fd": 3, "mode": 0o4755}),
		named(scap.EvRenameatX, scaptest.P{"res": 0, "olddirfd": 9, "oldpath": "a", "newdirfd": -100, "newpath": "b"})) {
		ev := e.Process(in)
		var v fields.Value
		for _, ref := range refs {
			n := testing.AllocsPerRun(10, func() {
				ev.Arena = ev.Arena[:0]
				ref.Extract(ev, &v)
				if ref.Multi() {
					for i := 0; ref.Each(ev, i, &v); i++ {
					}
				}
			})
			if n != 0 {
				t.Errorf("%s on %s: %v allocations", ref.Text, in.Type(), n)
			}
		}
	}
}

// FuzzExtract: whatever bytes an event has, no field panics.
func FuzzExtract(f *testing.F) {
	for _, ev := range append(connected(), openat(3, "x"), named(scap.EvPollX, scaptest.P{"res": 1, "fds": scaptest.FDList(scaptest.PollFD{FD: 1})})) {
		f.Add(uint16(ev.Type()), ev.Raw()[scap.HeaderSize:])
	}
	refs := allRefs(f)
	e := newWorld(f)
	f.Fuzz(func(t *testing.T, typ uint16, body []byte) { askAll(t, e, refs, typ, body) })
}

// askAll makes an event of a type out of arbitrary bytes, cut into as many
// parameters as the type has, and asks everything of it.
func askAll(t *testing.T, e *state.Engine, refs []*fields.Ref, typ uint16, body []byte) {
	in := scap.EventType(typ).Info()
	n := 3
	if in != nil {
		n = len(in.Params)
	}
	params := make([][]byte, n)
	for i := range params {
		// The first byte of a parameter's share is its length.
		if len(body) == 0 {
			break
		}
		l := min(int(body[0]), len(body)-1)
		params[i], body = body[1:1+l], body[1+l:]
	}
	var ev scap.Event
	if err := ev.Decode(scaptest.Raw(scap.EventType(typ), now, catPID, params...)); err != nil {
		return
	}
	out := e.Process(&ev)
	var v fields.Value
	for _, ref := range refs {
		if ref.Extract(out, &v) {
			fields.AppendText(nil, ref.Type, ref.Format, ref.List, &v)
		}
		if ref.Multi() {
			for i := 0; ref.Each(out, i, &v); i++ {
				if i > 1000 {
					t.Fatalf("%s has no end", ref.Text)
				}
			}
		}
	}
}

// TestRandomEvents asks every field of random events of every type.
func TestRandomEvents(t *testing.T) {
	refs := allRefs(t)
	e := newWorld(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 400)
	for range 3 {
		for typ := range len(scap.Events) + 2 {
			for i := range body {
				body[i] = byte(rnd.Uint32())
				if rnd.IntN(2) == 0 { // lengths that numbers have are likelier to get far
					body[i] = byte(1 << rnd.IntN(4))
				}
			}
			askAll(t, e, refs, uint16(typ), body)
		}
	}
}

// BenchmarkExtract asks events for all fields, then for some that rules use
// most.
func BenchmarkExtract(b *testing.B) {
	e := newWorld(b)
	for _, c := range []struct {
		name string
		ev   []*scap.Event
	}{{"openat", []*scap.Event{openat(3, "notes.txt")}}, {"connect", connected()}} {
		b.Run(c.name, func(b *testing.B) {
			var ev *state.Event
			for _, in := range c.ev {
				ev = e.Process(in)
			}
			refs := allRefs(b)
			var v fields.Value
			b.ReportAllocs()
			for b.Loop() {
				ev.Arena = ev.Arena[:0]
				for _, ref := range refs {
					ref.Extract(ev, &v)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(refs)), "ns/field")
		})
	}
	for _, name := range []string{"evt.type", "proc.name", "proc.pname", "fd.name", "fd.directory", "evt.arg.flags", "user.name", "fs.path.name"} {
		b.Run(name, func(b *testing.B) {
			ev := e.Process(openat(3, "notes.txt"))
			ref, err := fields.Resolve(fields.Default(), name, "", false)
			if err != nil {
				b.Fatal(err)
			}
			var v fields.Value
			b.ReportAllocs()
			for b.Loop() {
				ev.Arena = ev.Arena[:0]
				ref.Extract(ev, &v)
			}
		})
	}
}

// TestTextsDoNotAllocate holds for the text of every field on all events that
// the tests have.
func TestTextsDoNotAllocate(t *testing.T) {
	refs := allRefs(t)
	for _, s := range sights() {
		ev := run(t, s.events...)
		for _, ref := range refs {
			var v fields.Value
			var dst []byte
			n := testing.AllocsPerRun(5, func() {
				ev.Arena = ev.Arena[:0]
				if ref.Extract(ev, &v) {
					dst = fields.AppendText(dst[:0], ref.Type, ref.Format, ref.List, &v)
				}
			})
			if n != 0 {
				t.Errorf("%s when %s: %v allocations for %s", ref.Text, s.what, n, dst)
			}
		}
	}
}

func TestBase64OfLongBuffers(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 767, 768, 769, 5000} {
		s := strings.Repeat("a\xff", n)[:n]
		if got, want := string(fields.AppendBase64([]byte("x"), s)), "x"+base64.StdEncoding.EncodeToString([]byte(s)); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
}

func TestTextsOfLongRawParametersDoNotAllocate(t *testing.T) {
	ev := run(t, named(scap.EvExecveV19X, scaptest.P{"res": 0, "exe": "ls", "args": []string{strings.Repeat("a", 2000)}, "comm": "ls"}))
	ref, err := fields.Resolve(fields.Default(), "evt.rawarg.args", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var v fields.Value
	var dst []byte
	n := testing.AllocsPerRun(5, func() {
		if ref.Extract(ev, &v) {
			dst = fields.AppendText(dst[:0], ref.Type, ref.Format, ref.List, &v)
		}
	})
	if n != 0 || len(dst) < 2000 {
		t.Errorf("%v allocations for %d bytes", n, len(dst))
	}
}
