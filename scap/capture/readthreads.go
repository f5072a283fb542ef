// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"strings"

	"github.com/tiercel/tiercel/scap/procfs"
)

// threadsVersion returns the version of a thread table, 0 for another block.
func threadsVersion(t blockType) int {
	switch t {
	case blockThreadsV1, blockThreadsV1Old:
		return 1
	case blockThreadsV2, blockThreadsV2Old:
		return 2
	case blockThreadsV3, blockThreadsV3Old:
		return 3
	case blockThreadsV4, blockThreadsV5, blockThreadsV6, blockThreadsV7, blockThreadsV8, blockThreads:
		return int(t-blockThreadsV4) + 4
	}
	return 0
}

// sizedThreads is the first version whose entries tell their length.
const sizedThreads = 9

func (r *tableReader) threads(c *cursor, version int) {
	for c.left() >= minEntry && !c.bad {
		if version < sizedThreads {
			r.thread(c, version)
			continue
		}
		e := c.sub(int(c.u32()) - 4)
		r.thread(&e, version)
		c.bad = c.bad || e.bad
	}
}

func (r *tableReader) thread(c *cursor, version int) {
	since := func(v int) bool { return version >= v }
	t := Thread{Thread: procfs.Thread{
		SID: procfs.NoID, VSID: procfs.NoID, PGID: procfs.NoID, VPGID: procfs.NoID,
		VTID: procfs.NoID, VPID: procfs.NoID,
	}, LoginUID: procfs.NoUID}
	t.TID, t.PID, t.PTID = c.i64(), c.i64(), c.i64()
	if since(6) {
		t.SID = c.i64()
		t.VSID = t.SID
	}
	if since(8) {
		t.VPGID = c.i64()
	}
	t.Comm, t.Exe = c.str(), c.str()
	if since(7) {
		t.ExePath = c.str()
	}
	t.Args, t.CWD = r.list(c.text()), c.str()
	t.FDLimit, t.Flags = c.i64(), c.u32()
	t.UID, t.GID = c.u32(), c.u32()
	if since(2) {
		t.VMSize, t.VMRSS, t.VMSwap = c.u32(), c.u32(), c.u32()
		t.PfMajor, t.PfMinor = c.u64(), c.u64()
	}
	if since(3) {
		t.Env = r.list(c.text())
	}
	if since(4) {
		t.VTID, t.VPID = c.i64(), c.i64()
		t.Cgroups = r.list(c.text())
	}
	if since(5) {
		t.Root = c.str()
	}
	if since(sizedThreads) {
		t.tail(c)
	}
	if c.bad {
		return
	}
	r.byTID[t.TID] = len(r.t.Threads)
	r.t.Threads = append(r.t.Threads, t)
}

// shortTail is the longest tail of an entry of version 9 as it was at first,
// before the start of the pid namespace and the terminal came in front of it:
// login uid, writable, three sets of capabilities.
const shortTail = 4 + 1 + 3*8

// tail reads what version 9 appends, as far as the entry goes.
func (t *Thread) tail(c *cursor) {
	if c.bad {
		return
	}
	if c.left() > shortTail {
		c.optional(8, func() { t.PidnsStart = c.u64() })
		c.optional(4, func() { t.TTY = c.u32() })
	}
	c.optional(4, func() { t.LoginUID = c.u32() })
	c.optional(1, func() { t.ExeWritable = c.u8() != 0 })
	for _, v := range []*uint64{&t.CapInheritable, &t.CapPermitted, &t.CapEffective} {
		c.optional(8, func() { *v = c.u64() })
	}
	c.optional(1, func() { t.ExeUpperLayer = c.u8() != 0 })
	for _, v := range []*uint64{&t.ExeIno, &t.ExeCtime, &t.ExeMtime} {
		c.optional(8, func() { *v = c.u64() })
	}
	c.optional(1, func() { t.ExeMemfd = c.u8() != 0 })
	c.optional(1, func() { t.ExeLowerLayer = c.u8() != 0 })
	c.optional(8, func() { t.PGID = c.i64() })
}

// optional reads a field of n bytes when the entry still holds it. The first
// field that is missing ends the entry.
func (c *cursor) optional(n int, read func()) {
	if c.left() < n {
		c.b = nil
		return
	}
	read()
}

// list splits texts that end in NULs. Threads of one process have the same
// lists: they share them.
func (r *tableReader) list(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	if l, ok := r.lists[string(b)]; ok {
		return l
	}
	s := string(b)
	l := strings.Split(strings.TrimSuffix(s, "\x00"), "\x00")
	r.lists[s] = l
	return l
}
