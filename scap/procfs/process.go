// SPDX-License-Identifier: Apache-2.0

// Package procfs reads what already runs on a host: the processes under /proc
// with their threads, descriptors and sockets, and the users and groups. A
// live source knows only what happens after it was started; this is the rest.
//
// Everything here may vanish while it is read. A process that goes away is
// left out, a detail that goes away or is forbidden keeps its unknown value.
package procfs

import "net/netip"

// NoID is the value of an id that is not known.
const NoID = -1

// NoUID is the value of a user or group id that is not known.
const NoUID = ^uint32(0)

// Process is one thread group. A Process handed out by a Reader is reused for
// the next one: its slices are borrowed, its strings may be kept.
type Process struct {
	PID int64
	// Main is the thread whose tid is the pid; in a process whose main thread
	// has ended it is a zombie, but still there.
	Main Thread
	// MainEnded tells that the main thread has ended and others go on.
	MainEnded bool
	// Threads are the others. They share everything below.
	Threads []Thread

	Exe     string   // argv[0]
	Args    []string // without argv[0]; exe and args are cut at Options.MaxText bytes
	Env     []string // cut at Options.MaxText bytes
	CWD     string   // without a trailing slash; empty when not readable
	Root    string   // as CWD; "/" in the host's own root
	Cgroups []string // subsystem=path, one for each subsystem; see Options

	ExePath       string // the file that runs, without " (deleted)"
	ExeIno        uint64
	ExeCtime      uint64 // ns since the epoch
	ExeMtime      uint64 // ns since the epoch
	ExeWritable   bool   // for the process's own user and groups
	ExeUpperLayer bool   // the file lies in the upper layer of an overlay
	ExeLowerLayer bool   // the file lies in a lower layer of an overlay
	ExeMemfd      bool   // the file is a memfd
	ExeDeleted    bool   // the file has no name any more

	LoginUID   uint32 // NoUID when there is none
	FDLimit    int64  // soft limit of descriptors; NoID when not readable, MaxInt64 without limit
	PidnsStart uint64 // ns since the epoch: start of the pid namespace's init
	MntNS      uint64 // inode of the mount namespace, 0 when not readable
	NetNS      uint64 // inode of the network namespace, 0 when not readable
	PidNS      uint64 // inode of the pid namespace, 0 when not readable
	// NestedUser tells that the process is in a user namespace below the host's,
	// where other ids are in use.
	NestedUser bool

	FDs []FD
	// FDsCut tells that there were more descriptors than Options.MaxFDs.
	FDsCut bool

	words []string // the memory of Args, argv[0] included
}

// Thread is what differs between the threads of a process. Ids are those of
// the host; the V ones are those of the thread's own pid namespace.
type Thread struct {
	TID, PID, PTID int64 // PTID is the pid of the parent process, 0 without one
	SID, PGID      int64
	VTID, VPID     int64
	VSID, VPGID    int64
	Comm           string
	UID, GID       uint32 // effective
	CapInheritable uint64
	CapPermitted   uint64
	CapEffective   uint64
	TTY            uint32 // device number, 0 without one
	VMSize         uint32 // kB
	VMRSS          uint32 // kB
	VMSwap         uint32 // kB
	PfMajor        uint64
	PfMinor        uint64
	// StartTS is when the thread was made, in ns since the epoch. The kernel
	// tells it in clock ticks (10 ms).
	StartTS uint64
}

// FDType is the kind of a descriptor, with the numbers of the capture format.
type FDType uint8

// Kinds of descriptors.
const (
	FDUnknown     FDType = 0
	FDDirectory   FDType = 2
	FDIPv4        FDType = 3
	FDIPv6        FDType = 4
	FDIPv4Server  FDType = 5 // bound or listening, no peer
	FDIPv6Server  FDType = 6
	FDFIFO        FDType = 7
	FDUnix        FDType = 8
	FDEvent       FDType = 9
	FDUnsupported FDType = 10
	FDSignalfd    FDType = 11
	FDEventpoll   FDType = 12
	FDInotify     FDType = 13
	FDTimerfd     FDType = 14
	FDNetlink     FDType = 15
	FDFile        FDType = 16 // what the capture format calls FILE_V2
	FDBPF         FDType = 17
	FDUserfaultfd FDType = 18
	FDIOURing     FDType = 19
	FDMemfd       FDType = 20
	FDPidfd       FDType = 21
)

const (
	deletedSuffix  = " (deleted)"
	defaultMaxText = 4096
)

// L4 is a transport protocol, with the numbers of the capture format.
type L4 uint8

// Transport protocols.
const (
	L4Unknown L4 = 0
	L4NA      L4 = 1
	L4TCP     L4 = 2
	L4UDP     L4 = 3
	L4ICMP    L4 = 4
	L4Raw     L4 = 5
)

// FD is one open descriptor.
type FD struct {
	Num     int64
	Type    FDType
	Name    string // path of a file or directory; path of a bound unix socket; else the text of the link
	Flags   uint32 // open flags in the portable encoding, PPM_O_*
	Dev     uint32 // files and directories: device as events carry it: minor & 0xff | major << 8 | minor &^ 0xff << 12
	Ino     uint64
	MountID uint32
	PID     int64 // target of a pidfd, else 0
	Upper   bool  // file in the upper layer of an overlay
	Lower   bool  // file in a lower layer of an overlay

	// Sockets.
	L4       L4
	Listen   bool           // a TCP socket that listens
	Src, Dst netip.AddrPort // IP sockets: local and remote end
	Ptr      uint64         // unix sockets: kernel address as printed, which may be a hash of it
}

// reset makes p an unknown process, and keeps its slices.
func (p *Process) reset(pid int64) {
	*p = Process{
		PID:      pid,
		Main:     noThread(),
		Threads:  p.Threads[:0],
		words:    p.words[:0],
		Env:      p.Env[:0],
		Cgroups:  p.Cgroups[:0],
		FDs:      p.FDs[:0],
		LoginUID: NoUID,
		FDLimit:  NoID,
	}
}

func noThread() Thread {
	return Thread{
		TID: NoID, PID: NoID, PTID: NoID, SID: NoID, PGID: NoID,
		VTID: NoID, VPID: NoID, VSID: NoID, VPGID: NoID,
		UID: NoUID, GID: NoUID,
	}
}
