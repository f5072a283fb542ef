// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
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
		h := newHostWith(t, Options{MaxThreads: 64, MaxFDs: 16, BootTime: boot})
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
// in content: few ids, so that everything collides.
func TestRandomEvents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fake := &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), proc(5, 3, "/bin/five", 6, 7)}}
	for round := range 20 {
		o := Options{MaxThreads: 16, MaxFDs: 8, BootTime: boot, Alive: func(pid int64) bool { return pid%2 == 0 }}
		if round%2 == 0 {
			o.Proc = fake
		}
		h := newHostWith(t, o)
		for range 2000 {
			h.ts += r.Uint64N(3e9)
			h.e.Process(randomEvent(r, h.ts))
		}
		h.tick()
		checkTables(t, h.e)
	}
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
			}
			enc[i] = binary.LittleEndian.AppendUint64(nil, v)[:min(width, 8)]
		default:
			texts := []string{"/a/b\x00", "x\x00", "..\x00", "\x00", "k=/docker/x\x00"}
			enc[i] = []byte(texts[r.IntN(len(texts))])
		}
	}
	return scaptest.Decode(scaptest.Raw(typ, ts, int64(r.IntN(12)), enc...))
}

// checkTables checks what must always hold.
func checkTables(t *testing.T, e *Engine) {
	t.Helper()
	if len(e.threads) != len(e.all) || uint64(len(e.all)) != e.counters.Threads || len(e.all) > e.opts.MaxThreads {
		t.Fatalf("%d threads by id, %d in the list, %d counted", len(e.threads), len(e.all), e.counters.Threads)
	}
	children := map[*Thread]int{}
	users := map[*FDTable]int{}
	slots := map[*fdSlots]map[*FDTable]bool{}
	for i, th := range e.all {
		if e.threads[th.TID] != th || th.slot != i {
			t.Fatalf("thread %d is not where it should be", th.TID)
		}
		if th.fds == nil {
			t.Fatalf("thread %d has no table", th.TID)
		}
		users[th.fds]++
		if s := th.fds.slots; s != nil {
			if slots[s] == nil {
				slots[s] = map[*FDTable]bool{}
			}
			slots[s][th.fds] = true
		}
		if th.parent != nil {
			children[th.parent]++
			if e.threads[th.parent.TID] != th.parent {
				t.Fatalf("the parent of %d is not in the table", th.TID)
			}
		}
		n := 0
		for a := th; a != nil; a = a.Parent() {
			if n++; n > len(e.all)+1 {
				t.Fatalf("the ancestors of %d do not end", th.TID)
			}
		}
		if th.group != nil && e.groups[th.PID] != th.group {
			t.Fatalf("the group of %d is not in the table", th.TID)
		}
	}
	for _, th := range e.all {
		if th.nchildren != children[th] {
			t.Fatalf("%d has %d children, counts %d", th.TID, children[th], th.nchildren)
		}
	}
	for table, n := range users {
		if table.refs != n {
			t.Fatalf("a table has %d users, counts %d", n, table.refs)
		}
		if table.Len() > e.opts.MaxFDs {
			t.Fatalf("a table has %d entries", table.Len())
		}
	}
	for s, tables := range slots {
		if s.refs != len(tables) {
			t.Fatalf("a content has %d tables, counts %d", len(tables), s.refs)
		}
	}
	if n := countFDs(e); n != e.counters.FDs {
		t.Fatalf("%d descriptors, %d counted", n, e.counters.FDs)
	}
	checkGroups(t, e)
}

func checkGroups(t *testing.T, e *Engine) {
	t.Helper()
	for pid, g := range e.groups {
		count, alive := 0, 0
		for th := range g.All() {
			count++
			if !th.Dead() {
				alive++
			}
			if th.group != g || e.threads[th.TID] != th {
				t.Fatalf("group %d has a member that is not its own", pid)
			}
		}
		if count != g.count || alive != g.Alive || count == 0 {
			t.Fatalf("group %d: %d members, %d alive; counted %d and %d", pid, count, alive, g.count, g.Alive)
		}
		if g.Leader != nil && g.Leader.group != g {
			t.Fatalf("the leader of group %d is not in it", pid)
		}
	}
}
