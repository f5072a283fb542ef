// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"strings"

	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
)

// PrimeFrom fills the tables from those of a capture, in place of everything
// that was known: the host becomes the one of the capture. It is called before
// the first event of a capture, and of each one that is appended to it. The
// numbers and times of events go on.
func (e *Engine) PrimeFrom(c *capture.Tables) {
	e.forget()
	if m := c.Machine; m != nil {
		e.opts.Hostname, e.opts.BootTime = m.Hostname, m.BootTime
	}
	addrs := make([]netip.Addr, 0, len(c.Interfaces))
	for i := range c.Interfaces {
		if a := c.Interfaces[i].Addr; a.IsValid() {
			addrs = append(addrs, a)
		}
	}
	e.SetLocalAddrs(addrs)
	for _, u := range c.Users {
		e.hostAccounts.addUser(u)
	}
	for _, g := range c.Groups {
		e.hostAccounts.addGroup(g)
	}
	var s scanned
	for i := range c.Threads {
		e.addCaptured(&c.Threads[i], &s)
	}
	s.settle(e)
	e.adoptAll()
}

// forget empties the model. Counters of what happened stay.
func (e *Engine) forget() {
	e.finish()
	clear(e.threads)
	clear(e.groups)
	clear(e.all)
	e.all = e.all[:0]
	e.cache = [cacheSize]*Thread{}
	e.exited = [exitedSize]exitedThread{}
	e.creations = nil
	e.hand, e.gone, e.closed = 0, nil, nil
	e.counters.Threads, e.counters.FDs, e.counters.FDsHeld, e.counters.TextBytes = 0, 0, 0, 0
	e.enterBytes, e.ev.Thread = 0, nil
	// Their values count the threads that use them.
	e.args, e.envs = newInterner[*stringList](internLists), newInterner[*stringList](internLists)
	e.hostAccounts = *newAccounts()
	clear(e.accounts)
	e.boxes.Reset()
	e.addrsTS = 0
}

// addCaptured puts a thread of a capture's tables into ours.
func (e *Engine) addCaptured(c *capture.Thread, s *scanned) {
	if c.TID <= 0 {
		return // the idle task, or nothing that a thread could be
	}
	// The texts of the process and the numbers of the thread are what /proc
	// tells, in another order.
	p := procfs.Process{
		PID: c.PID, Exe: c.Exe, ExePath: c.ExePath, Args: c.Args, Env: c.Env, Root: c.Root, Cgroups: c.Cgroups,
		LoginUID: c.LoginUID, FDLimit: c.FDLimit, PidnsStart: c.PidnsStart,
		ExeIno: c.ExeIno, ExeCtime: c.ExeCtime, ExeMtime: c.ExeMtime,
		ExeWritable: c.ExeWritable, ExeMemfd: c.ExeMemfd, ExeUpperLayer: c.ExeUpperLayer, ExeLowerLayer: c.ExeLowerLayer,
	}
	t := e.procThread(&p, &c.Thread, nil)
	t.Flags = c.Flags &^ (FlagInverted | FlagActive)
	if c.TID != c.PID {
		t.Flags |= FlagThread
		if len(c.FDs) == 0 {
			t.Flags |= FlagFiles
		}
	}
	if t.Flags&FlagFiles == 0 || t.IsMain() {
		t.fds = e.newTable()
		t.fds.sure = e.lost
		for i := range c.FDs {
			f := c.FDs[i].FD
			f.Listen = f.L4 == procfs.L4TCP && FDType(f.Type) != FDIPv4 && FDType(f.Type) != FDIPv6
			e.addProcFD(t.fds, &f, 0, s)
			if c.FDs[i].Peer != 0 {
				if own := t.fds.Get(f.Num); own != nil {
					own.DstPtr = c.FDs[i].Peer
				}
			}
		}
	}
	if e.insert(t) == nil {
		return
	}
	if t.IsMain() || t.group != nil && t.group.fs.cwd == "" {
		t.setCWD(e.string(c.CWD), e.lost)
	}
}

// Tables copies the model into the form in which a capture keeps it. What is
// not known of a thread at all is left out. Texts are shared with the model,
// and never change.
func (e *Engine) Tables() *capture.Tables {
	e.finish()
	e.refreshAddrs()
	c := &capture.Tables{
		Machine: &capture.Machine{Hostname: e.opts.Hostname, BootTime: e.opts.BootTime},
		Threads: make([]capture.Thread, 0, len(e.all)),
	}
	for _, a := range e.addrList {
		c.Interfaces = append(c.Interfaces, capture.Interface{Addr: a})
	}
	for _, u := range e.hostAccounts.users {
		c.Users = append(c.Users, *u)
	}
	for _, g := range e.hostAccounts.groups {
		c.Groups = append(c.Groups, *g)
	}
	for _, t := range e.all {
		if t.Valid() {
			c.Threads = append(c.Threads, t.captured())
		}
	}
	return c
}

// captured returns t as a capture keeps it. A thread that shares its
// descriptors has none of its own there.
func (t *Thread) captured() capture.Thread {
	c := capture.Thread{
		Thread: procfs.Thread{
			TID: t.TID, PID: t.PID, PTID: t.PTID, SID: t.SID, VSID: t.SID, PGID: t.PGID,
			VTID: t.VTID, VPID: t.VPID, VPGID: t.VPGID, Comm: t.Comm, UID: t.UID, GID: t.GID,
			CapInheritable: t.CapInheritable, CapPermitted: t.CapPermitted, CapEffective: t.CapEffective,
			TTY: t.TTY, VMSize: t.VMSize, VMRSS: t.VMRSS, VMSwap: t.VMSwap, PfMajor: t.PfMajor, PfMinor: t.PfMinor,
			StartTS: t.CloneTS,
		},
		Flags: t.Flags &^ FlagActive, Exe: t.Exe, ExePath: t.ExePath, Args: t.Args, Env: t.Env, Root: t.Root, Cgroups: t.Cgroups,
		LoginUID: t.LoginUID, FDLimit: t.FDLimit, PidnsStart: t.PidnsInitStartTS,
		ExeIno: t.ExeIno, ExeCtime: t.ExeCtime, ExeMtime: t.ExeMtime,
		ExeWritable: t.ExeWritable, ExeUpperLayer: t.ExeUpperLayer, ExeLowerLayer: t.ExeLowerLayer, ExeMemfd: t.ExeMemfd,
	}
	if fs := t.fs(); fs != nil {
		c.CWD = fs.cwd
		if len(c.CWD) > 1 {
			c.CWD = strings.TrimSuffix(c.CWD, "/")
		}
	}
	if t.Flags&FlagFiles != 0 && !t.IsMain() {
		return c
	}
	c.FDs = make([]capture.FD, 0, t.FDs().Len())
	for f := range t.FDs().All() {
		c.FDs = append(c.FDs, f.captured())
	}
	return c
}

// captured returns f as a capture keeps it: a connection as its own kernel
// sees it, with the local end as source.
func (f *FD) captured() capture.FD {
	c := capture.FD{
		FD: procfs.FD{
			Num: f.Num, Type: f.capturedType(), Name: f.Name, Flags: f.Flags, Dev: f.Dev, Ino: f.Ino,
			MountID: f.MountID, PID: f.PID, Upper: f.Upper, Lower: f.Lower, L4: procfs.L4(f.L4), Ptr: f.SrcPtr,
		},
		Peer: f.DstPtr,
	}
	if !f.IsIP() {
		return c
	}
	src, dst := f.addrPort(f.SrcIP, f.SrcPort), f.addrPort(f.DstIP, f.DstPort)
	if f.IsServer() || f.Role == RoleServer {
		src, dst = dst, src
	}
	c.Src, c.Dst = src, dst
	return c
}

// capturedType returns the kind that a capture has for f. It has none for
// sockets of other families.
func (f *FD) capturedType() procfs.FDType {
	if f.Type == FDUnknown {
		return procfs.FDUnsupported
	}
	return procfs.FDType(f.Type)
}

func (f *FD) addrPort(ip [16]byte, port uint16) netip.AddrPort {
	if f.V6 {
		return netip.AddrPortFrom(netip.AddrFrom16(ip), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[:4])), port)
}
