// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// A stream is a list of events that may be played again and again: it leaves
// the tables as it found them.
type stream []*scap.Event

func (s *stream) add(typ scap.EventType, tid int64, params p) {
	*s = append(*s, scaptest.Named(typ, epoch+uint64(len(*s))*1000, tid, params))
}

func (s stream) play(e *Engine) {
	for _, ev := range s {
		e.Process(ev)
	}
}

// lookOnly are events that change nothing.
func lookOnly() stream {
	var s stream
	s.add(scap.EvReadX, 100, p{"res": 10, "fd": 3, "data": []byte("0123456789"), "size": 10})
	s.add(scap.EvWriteX, 100, p{"res": 10, "fd": 3, "data": []byte("0123456789"), "size": 10})
	s.add(scap.EvGenericX, 1, p{"ID": 1, "nativeID": 1})
	s.add(scap.EvOpenatV2X, 100, p{"fd": -2, "dirfd": atFDCWD, "name": "/etc/nothing", "flags": OpenRead})
	s.add(scap.EvCloseX, 100, p{"res": -errBadFD, "fd": 77})
	s.add(scap.EvConnectX, 100, p{"res": -111, "fd": 4, "tuple": scaptest.Tuple("10.0.0.1:1", "10.0.0.2:2")})
	s.add(scap.EvSendtoX, 100, p{"res": 10, "fd": 4, "tuple": scaptest.Tuple("10.0.0.2:5000", "8.8.8.8:53")})
	s.add(scap.EvRecvfromX, 100, p{"res": 10, "fd": 4, "tuple": scaptest.Tuple("8.8.8.8:53", "10.0.0.2:5000")})
	s.add(scap.EvExecveV19X, 100, p{"res": -2, "exe": "/nowhere", "pid": 100})
	s.add(scap.EvMmapX, 100, p{"res": 0, "vm_size": 10, "vm_rss": 5})
	s.add(scap.EvGetcwdX, 100, p{"res": 6, "path": "/root"})
	s.add(scap.EvOpenatV2E, 100, p{"dirfd": atFDCWD, "name": "/etc/hosts", "flags": OpenRead})
	return s
}

// files opens, duplicates and closes.
func files() stream {
	var s stream
	for i := range int64(4) {
		s.add(scap.EvOpenatV2X, 100, p{"fd": 10 + i, "dirfd": atFDCWD, "name": fmt.Sprintf("dir/file%d", i), "flags": OpenRead, "dev": 8, "ino": i})
		s.add(scap.EvDup2X, 100, p{"res": 20, "oldfd": 10 + i, "newfd": 20})
		s.add(scap.EvSocketX, 100, p{"fd": 30, "domain": 2, "type": 1, "proto": 0, "flags": 0})
		s.add(scap.EvConnectX, 100, p{"res": 0, "fd": 30, "tuple": scaptest.Tuple("10.0.0.1:4000", "10.0.0.2:80")})
		s.add(scap.EvCloseX, 100, p{"res": 0, "fd": 30})
		s.add(scap.EvCloseX, 100, p{"res": 0, "fd": 10 + i})
	}
	return s
}

// processes forks, executes and ends a child of the shell.
func processes() stream {
	var s stream
	cg := []string{"cpu=/user.slice", "memory=/user.slice/user-0.slice"}
	s.add(scap.EvCloneV20X, 100, p{"res": 200, "exe": "/bin/sh", "comm": "sh", "tid": 100, "pid": 100, "ptid": 1, "fdlimit": 1024, "cgroups": cg, "flags": 0, "uid": 0, "gid": 0, "vtid": 100, "vpid": 100})
	s.add(scap.EvCloneV20X, 200, p{"res": 0, "exe": "/bin/sh", "comm": "sh", "tid": 200, "pid": 200, "ptid": 100, "fdlimit": 1024, "cgroups": cg, "flags": 0, "uid": 0, "gid": 0, "vtid": 200, "vpid": 200})
	s.add(scap.EvExecveV19X, 200, p{
		"res": 0, "exe": "/bin/ls", "comm": "ls", "args": []string{"-l", "/tmp"}, "env": []string{"HOME=/root", "PATH=/bin:/usr/bin", "TERM=xterm"},
		"tid": 200, "pid": 200, "ptid": 100, "fdlimit": 1024, "cgroups": cg, "trusted_exepath": "/bin/ls", "uid": 0, "gid": 0, "vpgid": 200, "pgid": 200,
	})
	s.add(scap.EvOpenatV2X, 200, p{"fd": 3, "dirfd": atFDCWD, "name": "/etc/ld.so.cache", "flags": OpenRead})
	s.add(scap.EvCloseX, 200, p{"res": 0, "fd": 3})
	s.add(scap.EvProcexitV1E, 200, p{"status": 0})
	return s
}

func steadyHost(t testing.TB) *host {
	h := newHost(t)
	h.open(100, 3, "/etc/passwd", OpenRead)
	h.play(scap.EvSocketX, 100, p{"fd": 4, "domain": 2, "type": 2, "proto": 0, "flags": 0})
	return h
}

func TestEventsThatChangeNothingDoNotAllocate(t *testing.T) {
	h := steadyHost(t)
	s := lookOnly()
	s.play(h.e)
	for _, ev := range s {
		if n := testing.AllocsPerRun(100, func() { h.e.Process(ev) }); n != 0 {
			t.Errorf("%s (%d): %v allocations", ev.Info().Enum, ev.Type(), n)
		}
	}
}

// TestNoEventAllocatesForWhatIsThereAlready plays each kind of event that
// makes no thread twice, and looks at the second time.
func TestNoEventAllocatesForWhatIsThereAlready(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	h := steadyHost(t)
	for i := range scap.Events {
		info := &scap.Events[i]
		switch info.Name {
		case "clone", "clone3", "fork", "vfork", "execve", "execveat", "procexit", "container", "asyncevent",
			"useradded", "groupadded", "userdeleted", "groupdeleted",
			"chdir": // a relative one leads to another directory each time
			continue
		}
		if info.Status == scap.StatusUnused {
			continue
		}
		for range 3 {
			ev := randomEventOf(r, scap.EventType(i), epoch, 100)
			h.e.Process(ev)
			h.e.Process(ev)
			if n := testing.AllocsPerRun(5, func() { h.e.Process(ev) }); n != 0 {
				t.Errorf("%s (%d): %v allocations", info.Enum, i, n)
			}
		}
	}
}

func TestOpenAndCloseDoNotAllocateInSteadyState(t *testing.T) {
	h := steadyHost(t)
	s := files()
	s.play(h.e)
	s.play(h.e)
	if n := testing.AllocsPerRun(100, func() { s.play(h.e) }); n != 0 {
		t.Errorf("%v allocations in %d events", n, len(s))
	}
}

func TestForksLeaveNothingBehind(t *testing.T) {
	tests := []struct {
		name  string
		n     int
		lost  int // one of so many exits; 0 = none
		grows int64
	}{
		{"a million processes", 1_000_000, 0, 1 << 20},
		{"whose exits are lost at times", 150_000, 10, 2 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := tt.n
			if testing.Short() {
				n /= 10
			}
			h := steadyHost(t)
			for i := range int64(50) {
				h.open(100, 10+i, fmt.Sprintf("/open/%d", i), OpenRead)
			}
			threads, fds := h.e.NumThreads(), h.e.Counters().FDs
			forks := newForker(tt.lost)
			for i := range 60_000 {
				forks.play(h.e, i)
			}
			before := heap()
			for i := range n {
				forks.play(h.e, i)
			}
			h.tick()
			if grown := int64(heap()) - int64(before); grown > tt.grows {
				t.Errorf("the heap grew by %d bytes in %d processes", grown, n)
			}
			checkTables(t, h.e)
			if tt.lost > 0 {
				return
			}
			equal(t, "threads", h.e.NumThreads(), threads)
			equal(t, "groups", len(h.e.groups), threads)
			equal(t, "descriptors", h.e.Counters().FDs, fds)
			equal(t, "children of the shell", h.thread(100).NumChildren(), 0)
		})
	}
}

// forker plays processes(), as another child each time, with an argument of its
// own.
type forker struct {
	s    stream
	lost int
	r    *rand.Rand
}

func newForker(lost int) *forker {
	return &forker{processes(), lost, rand.New(rand.NewPCG(7, 8))}
}

func (f *forker) play(e *Engine, i int) {
	tid := uint64(200 + i%30000)
	for k, ev := range f.s {
		raw := ev.Raw()
		if k > 0 {
			binary.LittleEndian.PutUint64(raw[8:], tid)
		}
		binary.LittleEndian.PutUint64(raw, epoch+uint64(i)*1e5+uint64(k))
	}
	setParam(f.s[0], 0, tid)
	for _, k := range []int{1, 2} {
		setParam(f.s[k], paramIndex(f.s[k].Type(), pPID), tid)
	}
	copy(f.s[2].Param(2), fmt.Sprintf("-%d", i%10))
	if f.lost > 0 && f.r.IntN(f.lost) == 0 {
		f.s[:len(f.s)-1].play(e)
		return
	}
	f.s.play(e)
}

func setParam(ev *scap.Event, i int, v uint64) {
	binary.LittleEndian.PutUint64(ev.Param(i), v)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestInternersAreBounded(t *testing.T) {
	h := newHost(t)
	before := heap()
	for i := range 100_000 {
		h.e.text(fmt.Appendf(nil, "/some/path/that/never/comes/again/%d", i))
		h.e.argList(fmt.Appendf(nil, "never\x00again\x00%d\x00", i))
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func BenchmarkLookOnly(b *testing.B)  { benchStream(b, lookOnly()) }
func BenchmarkFiles(b *testing.B)     { benchStream(b, files()) }
func BenchmarkProcesses(b *testing.B) { benchStream(b, processes()) }

// BenchmarkMix is nearer to a host with the default selection: mostly opens and
// closes, some connections, few processes.
func BenchmarkMix(b *testing.B) {
	var s stream
	for range 5 {
		s = append(s, files()...)
		s = append(s, lookOnly()...)
	}
	benchStream(b, append(s, processes()...))
}

// BenchmarkStateHeavy is what costs the model most: opens, connections and
// executed programs, and nothing else.
func BenchmarkStateHeavy(b *testing.B) {
	var s stream
	for _, ev := range append(append(files(), files()...), processes()...) {
		if ev.Type() != scap.EvCloseX {
			s = append(s, ev)
		}
	}
	benchStream(b, s)
}

func benchStream(b *testing.B, s stream) {
	h := steadyHost(b)
	for i := range int64(2000) {
		h.clone(1, 10_000+i, 0)
	}
	s.play(h.e)
	s.play(h.e)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		h.e.Process(s[i%len(s)])
	}
}

func BenchmarkThreadLookup(b *testing.B) {
	h := newHost(b)
	for i := range int64(5000) {
		h.clone(1, 10_000+i, 0)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if h.e.Thread(10_000+int64(i*7%5000)) == nil {
			b.Fatal("not there")
		}
	}
}
