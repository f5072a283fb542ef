// SPDX-License-Identifier: Apache-2.0

package state

import "testing"

// inNamespace are the parameters of an event in a pid namespace.
func inNamespace(vtid int64, start uint64) p {
	return p{"vtid": vtid, "vpid": vtid, "pidns_init_start_ts": start}
}

// newBoxes makes two pid namespaces with an init (200, 300) and a daemon in
// each (201, 301; both are 2 in there), whose directory is /srv.
func newBoxes(t *testing.T) *host {
	h := newHost(t)
	for _, init := range []int64{200, 300} {
		start := uint64(init)
		h.cloned(init, init, 100, FlagNewPID|FlagChildInPidns, inNamespace(1, start))
		h.exec(init, "/sbin/tini")
		h.cloned(init+1, init+1, init, FlagChildInPidns, inNamespace(2, start))
		h.exec(init+1, "/usr/sbin/daemon"+string(rune(0x30+init/100)))
		h.open(init+1, 7, "/srv/data", 1)
	}
	return h
}

func TestADaemonOfANamespaceIsACopyOfTheOneThatMadeIt(t *testing.T) {
	for _, tc := range []struct {
		name    string
		between func(h *host) // the call of the creator and the first event of the child
		want    string
	}{
		{"creator ends", func(h *host) { h.exit(201, 200); h.tick() }, "/usr/sbin/daemon2"},
		{"creator runs something else", func(h *host) { h.exec(201, "/bin/other") }, "/usr/sbin/daemon2"},
		{"same id in another namespace", func(h *host) {
			h.clone(301, 3, 0, inNamespace(2, 300))
			h.exit(201, 200)
			h.tick()
		}, "/usr/sbin/daemon2"},
		{"too long ago", func(h *host) { h.exit(201, 200); h.tick(); h.ts += 3e9 }, "/sbin/tini"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newBoxes(t)
			h.clone(201, 3, 0, inNamespace(2, 200))
			tc.between(h)
			h.cloned(202, 202, 200, FlagChildInPidns, inNamespace(3, 200))
			equal(t, "program", h.thread(202).ExePath, tc.want)
			h.parent(202, 200)
			if tc.want != "/sbin/tini" {
				h.fd(202, 7, "/srv/data")
			}
			checkDescriptors(t, h.e)
			h.exit(202)
			h.tick()
			checkDescriptors(t, h.e)
		})
	}
}

// The kernel tells of the end of a process before it gives the children away.
func TestADaemonWhoseCreatorHasJustEndedIsTheReapers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		reaper []int64
		later  uint64
		want   int64
	}{
		{"the one that the kernel named", []int64{200}, 0, 200},
		{"nobody named", nil, 0, 0},
		{"too long ago", []int64{200}, 3e9, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newBoxes(t)
			h.clone(201, 3, 0, inNamespace(2, 200))
			h.exit(201, tc.reaper...)
			h.tick()
			h.ts += tc.later
			h.cloned(202, 202, 201, FlagChildInPidns, inNamespace(3, 200))
			h.parent(202, tc.want)
		})
	}
}

// What the creator opens after the call is not the child's.
func TestTheFirstOfANamespaceHasWhatItsCreatorHadThen(t *testing.T) {
	h := newHost(t)
	h.open(100, 5, "/early", 1)
	h.clone(100, 200, FlagNewPID|FlagChildInPidns)
	h.absent(200)
	h.open(100, 6, "/late", 1)
	h.cloned(200, 200, 100, FlagNewPID|FlagChildInPidns, inNamespace(1, 50))
	h.fd(200, 5, "/early")
	if f := h.thread(200).FDs().Get(6); f != nil {
		t.Errorf("it has %s", f.Name)
	}
	equal(t, "directory", h.thread(200).CWD(), "/root/")
}

func TestAChildThatSharesDescriptorsSharesTheLivingOnes(t *testing.T) {
	h := newBoxes(t)
	h.clone(201, 3, FlagFiles, inNamespace(2, 200))
	h.open(201, 8, "/late", 1)
	h.cloned(202, 202, 201, FlagChildInPidns|FlagFiles, inNamespace(3, 200))
	h.fd(202, 8, "/late")
	checkDescriptors(t, h.e)
}

func TestCreationsAreBounded(t *testing.T) {
	h := newBoxes(t)
	for i := range int64(3 * creationsSize) {
		h.clone(201, 10+i, 0, inNamespace(2, 200))
	}
	checkDescriptors(t, h.e)
	equal(t, "remembered", len(remembered(h.e)), creationsSize)
	last := 10 + int64(3*creationsSize) - 1
	h.exit(201, 200)
	h.tick()
	h.cloned(500, 500, 200, FlagChildInPidns, inNamespace(last, 200))
	equal(t, "program", h.thread(500).ExePath, "/usr/sbin/daemon2")
	h.e.forget()
	checkDescriptors(t, h.e)
}
