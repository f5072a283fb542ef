// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// host plays events of a machine to an engine. Time goes on by a millisecond
// with each.
type host struct {
	t  testing.TB
	e  *Engine
	ts uint64
}

type p = scaptest.P

const (
	epoch = uint64(1_700_000_000e9)
	boot  = uint64(1_600_000_000e9)
)

func newHost(t testing.TB) *host {
	return newHostWith(t, Options{BootTime: boot})
}

func newHostWith(t testing.TB, o Options) *host {
	t.Helper()
	h := &host{t: t, e: New(o), ts: epoch}
	h.boot()
	return h
}

// boot makes init and a shell (100), whose directory is /root.
func (h *host) boot() {
	h.exec(1, "/sbin/init", p{"pid": 1, "ptid": 0})
	h.e.Thread(1).fds.sure = h.e.lost // as if /proc had told
	h.e.Thread(1).setCWD("/", h.e.lost)
	h.clone(1, 100, 0)
	h.exec(100, "/bin/sh", p{"pid": 100, "ptid": 1})
	h.play(scap.EvChdirX, 100, p{"res": 0, "path": "/root"})
}

func (h *host) play(typ scap.EventType, tid int64, params p) *Event {
	h.t.Helper()
	h.ts += 1e6
	return h.e.Process(scaptest.Named(typ, h.ts, tid, params))
}

// tick lets the engine finish what waits for the next event.
func (h *host) tick() { h.play(scap.EvReadX, 1, p{"res": 0, "fd": 0}) }

func with(base p, over ...p) p {
	for _, o := range over {
		for k, v := range o {
			base[k] = v
		}
	}
	return base
}

// clone plays the creator's side.
func (h *host) clone(caller, child int64, flags uint32, over ...p) *Event {
	h.t.Helper()
	params := p{"res": child, "tid": caller, "flags": flags, "vtid": caller, "uid": 0, "gid": 0}
	if c := h.e.Thread(caller); c != nil {
		params = with(params, p{"pid": c.PID, "ptid": c.PTID, "vpid": c.PID, "exe": c.Exe, "comm": c.Comm, "args": c.Args})
	}
	return h.play(scap.EvCloneV20X, caller, with(params, over...))
}

// cloned plays the child's side.
func (h *host) cloned(child, pid, ptid int64, flags uint32, over ...p) *Event {
	h.t.Helper()
	params := p{"res": 0, "tid": child, "pid": pid, "ptid": ptid, "vtid": child, "vpid": pid, "flags": flags, "uid": 0, "gid": 0}
	return h.play(scap.EvCloneV20X, child, with(params, over...))
}

func (h *host) exec(tid int64, path string, over ...p) *Event {
	h.t.Helper()
	comm := path[lastSlash(path)+1:]
	params := p{"res": 0, "exe": path, "comm": comm, "tid": tid, "pid": tid, "trusted_exepath": path, "uid": 0, "gid": 0, "fdlimit": 1024}
	if t := h.e.Thread(tid); t != nil && t.PTID >= 0 {
		params["ptid"] = t.PTID
	}
	return h.play(scap.EvExecveV19X, tid, with(params, over...))
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i
		}
	}
	return -1
}

func (h *host) exit(tid int64, reaper ...int64) *Event {
	h.t.Helper()
	params := p{"status": 0, "ret": 0, "sig": 0, "core": 0}
	if len(reaper) > 0 {
		params["reaper_tid"] = reaper[0]
	}
	return h.play(scap.EvProcexitV1E, tid, params)
}

func (h *host) open(tid, fd int64, path string, flags uint32) *Event {
	h.t.Helper()
	return h.play(scap.EvOpenatV2X, tid, p{"fd": fd, "dirfd": atFDCWD, "name": path, "flags": flags, "dev": 8, "ino": 42})
}

// thread returns a thread that has to be there.
func (h *host) thread(tid int64) *Thread {
	h.t.Helper()
	t := h.e.Thread(tid)
	if t == nil {
		h.t.Fatalf("thread %d is not in the table", tid)
	}
	return t
}

func (h *host) absent(tid int64) {
	h.t.Helper()
	if h.e.Thread(tid) != nil {
		h.t.Fatalf("thread %d is still in the table", tid)
	}
}

// parent checks whose child the process tid is; 0 = nobody's.
func (h *host) parent(tid, want int64) {
	h.t.Helper()
	got := int64(0)
	if parent := h.thread(tid).Parent(); parent != nil {
		got = parent.TID
	}
	if got != want {
		h.t.Fatalf("parent of %d is %d, want %d", tid, got, want)
	}
}

// fd checks the name of a descriptor; "-" = not there.
func (h *host) fd(tid, num int64, want string) *FD {
	h.t.Helper()
	f := h.thread(tid).FDs().Get(num)
	got := "-"
	if f != nil {
		got = f.Name
	}
	if got != want {
		h.t.Fatalf("descriptor %d of %d is %q, want %q", num, tid, got, want)
	}
	return f
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// fakeProc is a /proc of a few processes.
type fakeProc struct {
	procs []*procfs.Process
	fds   map[int64]procfs.FD // by number, of any process
	asked []int64
}

func (f *fakeProc) Scan(visit func(*procfs.Process) error) error {
	for _, pr := range f.procs {
		if err := visit(pr); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeProc) Lookup(tid int64) (*procfs.Process, error) {
	f.asked = append(f.asked, tid)
	for _, pr := range f.procs {
		if pr.PID == tid {
			return pr, nil
		}
		for _, th := range pr.Threads {
			if th.TID == tid {
				return pr, nil
			}
		}
	}
	return nil, procfs.ErrNoProcess
}

func (f *fakeProc) LookupFD(_, num int64) (procfs.FD, error) {
	if fd, ok := f.fds[num]; ok {
		return fd, nil
	}
	return procfs.FD{}, errors.New("no such descriptor")
}

func proc(pid, ppid int64, exe string, tids ...int64) *procfs.Process {
	th := func(tid int64) procfs.Thread {
		return procfs.Thread{
			TID: tid, PID: pid, PTID: ppid, SID: 1, PGID: pid, VTID: tid, VPID: pid, VSID: 1, VPGID: pid,
			Comm: exe[lastSlash(exe)+1:], StartTS: boot,
		}
	}
	pr := &procfs.Process{
		PID: pid, Main: th(pid), Exe: exe, ExePath: exe, CWD: "/srv", Root: "/",
		Args: []string{"-x", "y"}, Env: []string{"A=1"}, FDLimit: 1024, LoginUID: procfs.NoUID,
	}
	for _, tid := range tids {
		pr.Threads = append(pr.Threads, th(tid))
	}
	return pr
}
