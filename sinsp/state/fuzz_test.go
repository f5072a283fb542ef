// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// FuzzProcess plays whatever bytes decode as events, and checks that the tables
// stay sound.
func FuzzProcess(f *testing.F) {
	for _, s := range []stream{lookOnly(), files(), processes()} {
		var b []byte
		for _, ev := range s {
			b = append(b, ev.Raw()...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := newHostWith(t, Options{MaxThreads: 64, MaxFDs: 16, MaxFDsTotal: 64, MaxTextBytes: 1 << 10, BootTime: boot})
		var ev scap.Event
		for len(b) >= scap.HeaderSize {
			if ev.Decode(b) != nil {
				b = b[1:]
				continue
			}
			h.e.Process(&ev)
			b = b[len(ev.Raw()):]
		}
		h.tick()
		checkTables(t, h.e)
	})
}

// TestRandomEvents does the same with events that are right in form and wrong
// in content: few ids, so that everything collides; out of order, twice, at
// impossible times, and with losses between them.
func TestRandomEvents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fake := &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), proc(5, 3, "/bin/five", 6, 7)}}
	fake.procs[1].FDs = []procfs.FD{{Num: 3, Type: procfs.FDFile, Name: "/three"}, {Num: 5000, Type: procfs.FDFIFO, Name: "pipe:[1]", Ino: 1}}
	for round := range 40 {
		o := Options{
			MaxThreads: 16, MaxFDs: 8, MaxFDsTotal: 8 + 8*(round%8), MaxTextBytes: 100 + 100*(round%3), BootTime: boot, Self: 4,
			Alive: func(pid int64) bool { return pid%2 == 0 },
		}
		if round%2 == 0 {
			o.Proc = fake
		}
		h := newHostWith(t, o)
		for range 2000 {
			ev := h.randomStep(r)
			for n := r.IntN(8)/7 + 1; n > 0; n-- {
				h.e.Process(ev)
			}
			if r.IntN(100) == 0 {
				checkTables(t, h.e)
			}
		}
		h.tick()
		checkTables(t, h.e)
	}
}

// randomStep returns an event at the next time, mostly.
func (h *host) randomStep(r *rand.Rand) *scap.Event {
	switch r.IntN(50) {
	case 0:
		h.e.Lost(r.Uint64N(5))
	case 1:
		return randomEvent(r, r.Uint64())
	case 2, 3, 4:
		return randomEvent(r, h.ts-r.Uint64N(20e9))
	}
	h.ts += r.Uint64N(3e9)
	return randomEvent(r, h.ts)
}

func randomEvent(r *rand.Rand, ts uint64) *scap.Event {
	busy := []scap.EventType{
		scap.EvCloneV20X, scap.EvCloneV20X, scap.EvVforkV20X, scap.EvExecveV19X, scap.EvProcexitV1E, scap.EvProcexitV1E,
		scap.EvOpenatV2X, scap.EvDup2X, scap.EvCloseX, scap.EvSocketX, scap.EvPrctlX, scap.EvSetpgidX, scap.EvUnshareX,
	}
	typ := scap.EventType(r.IntN(len(scap.Events)))
	if r.IntN(4) > 0 {
		typ = busy[r.IntN(len(busy))]
	}
	tid := int64(r.IntN(12))
	if r.IntN(100) == 0 {
		tid = int64(r.Uint64()) // also negative
	}
	return randomEventOf(r, typ, ts, tid)
}

func randomEventOf(r *rand.Rand, typ scap.EventType, ts uint64, tid int64) *scap.Event {
	info := typ.Info()
	enc := make([][]byte, len(info.Params))
	for i, pi := range info.Params {
		width, fixed := pi.Type.Width()
		switch {
		case r.IntN(20) == 0:
		case fixed:
			v := uint64(r.IntN(12))
			switch {
			case pi.Name == "res" || pi.Name == "fd":
				v = uint64(int64(r.IntN(12)) - 1)
			case pi.Name == "flags":
				v = 1 << r.IntN(32)
			case r.IntN(30) == 0:
				v = r.Uint64() >> r.IntN(64) // absurd
			case r.IntN(10) == 0:
				v = uint64(r.IntN(6000)) // beyond the dense part of a table
			}
			enc[i] = binary.LittleEndian.AppendUint64(nil, v)[:min(width, 8)]
		default:
			texts := []string{"/a/b\x00", "x\x00", "..\x00", "\x00", "k=/docker/x\x00"}
			enc[i] = []byte(texts[r.IntN(len(texts))])
			if r.IntN(20) == 0 {
				enc[i] = fmt.Appendf(nil, "text %d\x00of %d\x00", r.IntN(1000), r.IntN(1000))
			}
		}
	}
	return scaptest.Decode(scaptest.Raw(typ, ts, tid, enc...))
}
