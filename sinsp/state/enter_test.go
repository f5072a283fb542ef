// SPDX-License-Identifier: Apache-2.0

package state

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestRememberedEnterEvents(t *testing.T) {
	enter := func(h *host, name string) {
		h.play(scap.EvOpenatV2E, 100, p{"dirfd": atFDCWD, "name": name, "flags": OpenRead, "mode": 0})
	}
	exit := func(h *host) *Event {
		return h.play(scap.EvOpenatV2X, 100, p{"fd": 3, "dirfd": atFDCWD, "name": "/tmp/changed", "flags": OpenWrite | OpenCreated})
	}
	t.Run("their path counts", func(t *testing.T) {
		h := newHost(t)
		enter(h, "/etc/shadow")
		ev := exit(h)
		equal(t, "name", ev.FD.Name, "/etc/shadow")
		equal(t, "flags", ev.FD.Flags, OpenRead|OpenCreated)
		if ev.Enter == nil || ev.Enter.Type() != scap.EvOpenatV2E {
			t.Fatal("the enter event is not attached")
		}
	})
	t.Run("an empty one does not", func(t *testing.T) {
		h := newHost(t)
		h.play(scap.EvOpenatV2E, 100, p{"dirfd": atFDCWD})
		equal(t, "name", exit(h).FD.Name, "/tmp/changed")
	})
	t.Run("another call in between ends them", func(t *testing.T) {
		h := newHost(t)
		enter(h, "/etc/shadow")
		h.play(scap.EvReadX, 100, p{"res": 1, "fd": 0})
		ev := exit(h)
		equal(t, "name", ev.FD.Name, "/tmp/changed")
		equal(t, "counted", h.e.Counters().EnterDropped, 1)
	})
	t.Run("another thread in between does not", func(t *testing.T) {
		h := newHost(t)
		enter(h, "/etc/shadow")
		h.play(scap.EvReadX, 1, p{"res": 1, "fd": 0})
		equal(t, "name", exit(h).FD.Name, "/etc/shadow")
	})
	t.Run("long ones have a budget", func(t *testing.T) {
		h := newHost(t)
		long := "/" + strings.Repeat("x", 2000)
		enter(h, long)
		checkTables(t, h.e)
		equal(t, "name", exit(h).FD.NameRaw, long)
		enter(h, "/"+strings.Repeat("y", 3000))
		checkTables(t, h.e)
		h.e.enterBytes += maxEnterBytes
		h.clone(100, 200, 0)
		h.play(scap.EvOpenatV2E, 200, p{"dirfd": atFDCWD, "name": long, "flags": OpenRead})
		equal(t, "not kept", h.e.Counters().EnterTooBig, 1)
		h.e.enterBytes -= maxEnterBytes
		enter(h, "/etc/shadow")
		checkTables(t, h.e)
		equal(t, "bytes", h.e.enterBytes, 0)
		enter(h, "/"+strings.Repeat("z", 5000))
		equal(t, "too long", h.e.Counters().EnterTooBig, 2)
		enter(h, long)
		h.exit(100)
		h.tick()
		equal(t, "bytes of who is gone", h.e.enterBytes, 0)
	})
	t.Run("used once", func(t *testing.T) {
		h := newHost(t)
		enter(h, "/etc/shadow")
		exit(h)
		equal(t, "name", exit(h).FD.Name, "/tmp/changed")
	})
}

// Captures of older versions split a call into two events and know fewer
// parameters.
func TestOldEvents(t *testing.T) {
	h := newHost(t)
	h.play(scap.EvOpenatE, 100, p{"dirfd": atFDCWD, "name": "notes", "flags": OpenRead, "mode": 0})
	ev := h.play(scap.EvOpenatX, 100, p{"fd": 7})
	equal(t, "openat of two halves", ev.FD.Name, "/root/notes")
	h.play(scap.EvCloneV11X, 100, p{"res": 200, "exe": "/bin/sh", "tid": 100, "pid": 100, "ptid": 1, "flags": 0, "uid": 4, "gid": 5})
	equal(t, "uid of an old clone", h.thread(200).UID, 4)
	h.play(scap.EvExecveV15X, 200, p{"res": 0, "exe": "/bin/ls", "args": []string{"-l"}, "tid": 200, "pid": 200, "ptid": 100, "comm": "ls", "env": []string{"X=1"}})
	equal(t, "command of an old exec", h.thread(200).Cmdline, "ls -l")
	equal(t, "environment of an old exec", h.thread(200).EnvLine, "X=1")
	// A current event with parameters cut off.
	short := scaptest.Raw(scap.EvExecveV19X, h.ts+1, 200, make([]byte, 8), []byte("/bin/id\x00"))
	h.e.Process(scaptest.Decode(short))
	equal(t, "exe of a short exec", h.thread(200).Exe, "/bin/id")
}

func TestExePathWithoutTheKernelsWord(t *testing.T) {
	h := newHost(t)
	ev := h.exec(100, "./tool", p{"trusted_exepath": nil, "filename": "./tool"})
	equal(t, "execve", ev.Thread.ExePath, "/root/tool")
	ev = h.exec(100, "x", p{"trusted_exepath": "/tmp/x (deleted)"})
	equal(t, "deleted", ev.Thread.ExePath, "/tmp/x")
	h.open(100, 9, "/opt/bin", OpenRead|OpenDirectory)
	h.play(scap.EvExecveatE, 100, p{"dirfd": 9, "pathname": "prog", "flags": 0})
	ev = h.exec(100, "prog", p{"trusted_exepath": nil})
	equal(t, "execveat", ev.Thread.ExePath, "/opt/bin/prog")
	h.play(scap.EvExecveatE, 100, p{"dirfd": 33, "pathname": "prog", "flags": 0})
	ev = h.exec(100, "prog", p{"trusted_exepath": nil})
	equal(t, "execveat from an unknown directory", ev.Thread.ExePath, Unknown)
}
