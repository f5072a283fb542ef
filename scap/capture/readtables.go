// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/tiercel/tiercel/scap/procfs"
)

// tableReader fills Tables from blocks.
type tableReader struct {
	t       *Tables
	byTID   map[int64]int // index into t.Threads
	lists   map[string][]string
	pending []fdList // descriptors of threads that were not there yet
	size    int64    // bytes of blocks so far
	orphans uint64   // descriptors of threads that never came
}

type fdList struct {
	tid int64
	fds []FD
}

func newTableReader() *tableReader {
	return &tableReader{t: &Tables{}, byTID: map[int64]int{}, lists: map[string][]string{}}
}

// block takes the body of a table block. known is false for a type that is
// none; detail says what is wrong, if anything.
func (r *tableReader) block(t blockType, body []byte) (known bool, detail string) {
	c := cursor{b: body}
	switch t {
	case blockMachine, blockMachineOld:
		r.machine(&c)
	case blockInterfaces:
		r.interfaces(&c, true)
	case blockInterfacesV1, blockInterfacesV1Old:
		r.interfaces(&c, false)
	case blockUsers:
		r.users(&c, true)
	case blockUsersV1, blockUsersV1Old:
		r.users(&c, false)
	case blockFDs:
		r.fds(&c, true)
	case blockFDsV1, blockFDsV1Old:
		r.fds(&c, false)
	default:
		v := threadsVersion(t)
		if v == 0 {
			return false, ""
		}
		r.threads(&c, v)
	}
	if c.bad {
		return true, "an entry of a table is longer than its block"
	}
	return true, ""
}

// finish puts descriptors to threads that came after them.
func (r *tableReader) finish() *Tables {
	for _, p := range r.pending {
		if i, ok := r.byTID[p.tid]; ok {
			r.t.Threads[i].FDs = append(r.t.Threads[i].FDs, p.fds...)
		} else {
			r.orphans += uint64(len(p.fds))
		}
	}
	return r.t
}

func (r *tableReader) machine(c *cursor) {
	m := &Machine{CPUs: c.u32(), Memory: c.u64(), MaxPID: c.u64()}
	name := c.take(hostnameLen)
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	m.Hostname = string(name)
	m.BootTime, m.Flags = c.u64(), c.u64()
	if !c.bad {
		r.t.Machine = m
	}
}

// minEntry is the smallest rest of a body that can be an entry; less is
// padding.
const minEntry = 4

// Kinds of interface entries.
const (
	ifIPv4 = iota + 1
	ifIPv6
	ifIPv4NoSpeed // only in the first version
	ifIPv6NoSpeed
)

func (r *tableReader) interfaces(c *cursor, sized bool) {
	for c.left() >= minEntry && !c.bad {
		if !sized {
			r.oneInterface(c)
			continue
		}
		e := c.sub(int(c.u32()))
		r.oneInterface(&e)
		c.bad = c.bad || e.bad
	}
}

func (r *tableReader) oneInterface(c *cursor) {
	kind, nameLen := c.u16(), int(c.u16())
	n := 4
	switch kind {
	case ifIPv6, ifIPv6NoSpeed:
		n = 16
	case ifIPv4, ifIPv4NoSpeed:
	default:
		// Without a size of its own the next entry cannot be found.
		c.bad = true
		return
	}
	i := Interface{Addr: c.addr(n), Netmask: c.addr(n), Broadcast: c.addr(n)}
	if kind == ifIPv4 || kind == ifIPv6 {
		i.LinkSpeed = c.u64()
	}
	// Some writers count the NUL of the name.
	i.Name = strings.TrimRight(string(c.take(nameLen)), "\x00")
	if !c.bad {
		r.t.Interfaces = append(r.t.Interfaces, i)
	}
}

// Kinds of user entries.
const (
	userEntry  = 0
	groupEntry = 1
)

func (r *tableReader) users(c *cursor, sized bool) {
	for c.left() >= minEntry && !c.bad {
		if !sized {
			r.oneUser(c)
			continue
		}
		e := c.sub(int(c.u32()) - 4)
		r.oneUser(&e)
		c.bad = c.bad || e.bad
	}
}

func (r *tableReader) oneUser(c *cursor) {
	switch c.u8() {
	case userEntry:
		u := procfs.User{UID: c.u32(), GID: c.u32(), Name: c.str(), Home: c.str(), Shell: c.str()}
		if !c.bad {
			r.t.Users = append(r.t.Users, u)
		}
	case groupEntry:
		g := procfs.Group{GID: c.u32(), Name: c.str()}
		if !c.bad {
			r.t.Groups = append(r.t.Groups, g)
		}
	default:
		c.bad = true
	}
}

func (r *tableReader) fds(c *cursor, sized bool) {
	l := fdList{tid: c.i64()}
	for c.left() >= minEntry && !c.bad {
		if !sized {
			l.add(c, sized)
			continue
		}
		e := c.sub(int(c.u32()) - 4)
		l.add(&e, sized)
		c.bad = c.bad || e.bad
	}
	switch i, ok := r.byTID[l.tid]; {
	case c.bad || len(l.fds) == 0:
	case ok:
		r.t.Threads[i].FDs = append(r.t.Threads[i].FDs, l.fds...)
	default:
		r.pending = append(r.pending, l)
	}
}

func (l *fdList) add(c *cursor, sized bool) {
	fd := FD{FD: procfs.FD{Num: c.i64(), Ino: c.u64(), Type: procfs.FDType(c.u8())}}
	switch fd.Type {
	case procfs.FDIPv4, procfs.FDIPv6:
		n := addrLen(fd.Type)
		src, dst := c.addr(n), c.addr(n)
		fd.Src = netip.AddrPortFrom(src, c.u16())
		fd.Dst = netip.AddrPortFrom(dst, c.u16())
		fd.L4 = procfs.L4(c.u8())
	case procfs.FDIPv4Server, procfs.FDIPv6Server:
		fd.Src = netip.AddrPortFrom(c.addr(addrLen(fd.Type)), c.u16())
		fd.L4 = procfs.L4(c.u8())
		fd.Listen = fd.L4 == procfs.L4TCP
	case procfs.FDUnix:
		fd.Ptr, fd.Peer, fd.Name = c.u64(), c.u64(), c.str()
	case procfs.FDFile:
		fd.Flags, fd.Name = c.u32(), c.str()
		// The device was appended when entries had begun to tell their size.
		if sized && c.left() >= 4 {
			fd.Dev = c.u32()
		}
	case procfs.FDUnknown:
	case oldFile:
		fd.Type, fd.Name = procfs.FDFile, c.str()
	default:
		fd.Name = c.str()
	}
	if !c.bad {
		l.fds = append(l.fds, fd)
	}
}

func addrLen(t procfs.FDType) int {
	if t == procfs.FDIPv6 || t == procfs.FDIPv6Server {
		return 16
	}
	return 4
}
