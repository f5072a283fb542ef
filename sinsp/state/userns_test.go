// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
)

func TestIdsInUserNamespaces(t *testing.T) {
	enter := func(h *host) { h.play(scap.EvUnshareX, 200, p{"res": 0, "flags": FlagNewUser}) }
	tests := []struct {
		name     string
		prepare  func(h *host)
		proc     bool
		uid, gid uint32
		doubt    Doubt
	}{
		{"of the host they are taken", nil, true, 0, 0, 0},
		{"in there they are not", enter, false, 1000, 1000, DoubtIdentity},
		{"/proc says what they are outside", enter, true, 100000, 100000, 0},
		{"a child made in one is in there", func(h *host) {
			h.exit(200)
			h.ts += 3e9
			h.clone(100, 200, FlagNewUser, p{"uid": 1000, "gid": 1000})
		}, false, 1000, 1000, DoubtIdentity},
		{"a child inherits it", func(h *host) {
			h.play(scap.EvUnshareX, 100, p{"res": 0, "flags": FlagNewUser})
			h.exit(200)
			h.ts += 3e9
			h.clone(100, 200, 0, p{"uid": 1000, "gid": 1000})
		}, false, 1000, 1000, DoubtIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inside := proc(200, 100, "/bin/inside")
			inside.Main.UID, inside.Main.GID, inside.NestedUser = 100000, 100000, true
			fake := &fakeProc{procs: []*procfs.Process{inside}}
			o := Options{BootTime: boot}
			if tt.proc {
				o.Proc = fake
			}
			h := newHostWith(t, o)
			h.clone(100, 200, 0, p{"uid": 1000, "gid": 1000})
			if tt.prepare != nil {
				tt.prepare(h)
			}
			h.play(scap.EvSetgidX, 200, p{"res": 0, "gid": 0})
			h.play(scap.EvSetuidX, 200, p{"res": 0, "uid": 0})
			th := h.thread(200)
			equal(t, "user", th.UID, tt.uid)
			equal(t, "group", th.GID, tt.gid)
			equal(t, "doubt", th.Doubt()&DoubtIdentity, tt.doubt)
		})
	}
}

func TestScanTellsWhoIsInAUserNamespace(t *testing.T) {
	inside := proc(200, 1, "/bin/inside")
	inside.Main.UID, inside.NestedUser = 100000, true
	e := New(Options{Proc: &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init"), inside}}})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, e: e, ts: epoch}
	h.play(scap.EvSetuidX, 200, p{"res": 0, "uid": 0})
	equal(t, "user", h.thread(200).UID, 100000)
}

func TestIdsInUserNamespacesThatProcCannotTell(t *testing.T) {
	thread := proc(200, 100, "/bin/inside", 201)
	thread.Threads[0].UID, thread.NestedUser = 100005, true
	fake := &fakeProc{procs: []*procfs.Process{thread}}
	h := newHostWith(t, Options{BootTime: boot, Proc: fake})
	h.clone(100, 200, FlagNewUser, p{"uid": 1000})
	h.clone(200, 201, FlagThread, p{"uid": 1000})
	h.play(scap.EvSetuidX, 201, p{"res": 0, "uid": 5})
	equal(t, "user of a thread", h.thread(201).UID, 100005)
	fake.procs = nil
	h.play(scap.EvSetuidX, 200, p{"res": 0, "uid": 0})
	equal(t, "user of who is gone", h.thread(200).UID, 1000)
	h.e.tokens = 0
	h.e.tokensTS = h.ts + 1e9
	denied := h.e.Counters().LookupsDenied
	h.play(scap.EvSetuidX, 200, p{"res": 0, "uid": 0})
	equal(t, "user beyond the limit", h.thread(200).UID, 1000)
	equal(t, "denied", h.e.Counters().LookupsDenied-denied, 1)
}
