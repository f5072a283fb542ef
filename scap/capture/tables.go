// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"net/netip"

	"github.com/tiercel/tiercel/scap/procfs"
)

// Tables is what stands before the events of a capture: the host as it was
// when the capture began. Every part may be missing; a capture of a source
// that is not the kernel has none.
type Tables struct {
	Machine    *Machine // nil when the capture does not tell
	Interfaces []Interface
	Users      []procfs.User
	Groups     []procfs.Group
	Threads    []Thread // in the order of the file, main threads and others alike
}

// Machine describes the host that a capture comes from.
type Machine struct {
	CPUs     uint32
	Memory   uint64 // bytes
	MaxPID   uint64
	Hostname string // at most 128 bytes
	BootTime uint64 // ns since the epoch
	Flags    uint64
}

// Interface is an address of a network interface.
type Interface struct {
	Name      string
	Addr      netip.Addr
	Netmask   netip.Addr // as an address: 255.255.255.0
	Broadcast netip.Addr
	LinkSpeed uint64 // bits per second, 0 when not known
}

// Thread is a thread with all that the capture says of it. Unlike in procfs,
// the texts of the process are repeated for each of its threads.
//
// What an older version of the format lacks is unknown as in procfs: NoID for
// ids, NoUID for the login uid, else zero. The one session id of the format
// stands in both SID and VSID; SID is what is written. StartTS is not in the
// format.
type Thread struct {
	procfs.Thread
	Flags      uint32 // PPM_CL_*: clone flags and what the reference keeps beside them
	Exe        string // argv[0]
	ExePath    string
	Args       []string // without argv[0]
	Env        []string
	CWD        string
	Root       string
	Cgroups    []string // subsystem=path
	LoginUID   uint32
	FDLimit    int64
	PidnsStart uint64 // ns since the epoch: start of the pid namespace's init

	ExeIno        uint64
	ExeCtime      uint64 // ns since the epoch
	ExeMtime      uint64 // ns since the epoch
	ExeWritable   bool
	ExeUpperLayer bool
	ExeLowerLayer bool
	ExeMemfd      bool

	FDs []FD
}

// FD is one open descriptor. Of procfs.FD the format has Num, Type, Name, Ino,
// Flags and Dev of files, L4, Src and Dst of IP sockets (a server has only
// Src), Ptr of unix sockets.
type FD struct {
	procfs.FD
	Peer uint64 // unix sockets: kernel address of the other end
}
