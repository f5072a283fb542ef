// SPDX-License-Identifier: Apache-2.0

package state

// FDType is the kind of a descriptor, with the numbers of the capture format.
type FDType uint8

// Kinds of descriptors.
const (
	FDUnknown     FDType = 0
	FDOldFile     FDType = 1 // a file in captures of the first versions
	FDDirectory   FDType = 2
	FDIPv4        FDType = 3
	FDIPv6        FDType = 4
	FDIPv4Server  FDType = 5 // bound or listening
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
	FDFile        FDType = 16
	FDBPF         FDType = 17
	FDUserfaultfd FDType = 18
	FDIOURing     FDType = 19
	FDMemfd       FDType = 20
	FDPidfd       FDType = 21
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

// Role says which end of a connection a socket is.
type Role uint8

// Roles.
const (
	RoleNone Role = iota
	RoleClient
	RoleServer
)

// FD is one open descriptor. Readers must not change it. It is valid until the
// engine processes its next event.
type FD struct {
	Num  int64
	Name string // what fd.name prints: an absolute path, "a:p->b:p" ...
	// NameRaw is the path as the program gave it; files and directories only.
	NameRaw string
	Flags   uint32 // open flags, Open*
	// Dev is the device as the kernel tells it to users: minor&0xff | major<<8 |
	// (minor&^0xff)<<12 (new_encode_dev).
	Dev     uint32
	Ino     uint64
	PID     int64 // target of a pidfd
	MountID uint32
	Type    FDType
	L4      L4
	Role    Role

	Connected bool
	Pending   bool // connecting
	Failed    bool // the connection failed
	FromProc  bool // found in /proc
	Upper     bool // in the upper layer of an overlay
	Lower     bool // in a lower layer of an overlay
	V6        bool // the addresses have 16 bytes

	// IP sockets: addresses in network order (IPv4 in the first four bytes),
	// ports as numbers. The source is the client once the role is known. What
	// a server socket (FDIPv4Server ...) is bound to stands in the destination.
	SrcIP, DstIP     [16]byte
	SrcPort, DstPort uint16
	// Unix sockets: kernel addresses.
	SrcPtr, DstPtr uint64

	gen uint64 // of the only table that may change the entry in place
}

// IsSocket reports whether the descriptor is a socket of any family.
func (f *FD) IsSocket() bool { return f.IsIP() || f.Type == FDUnix || f.Type == FDNetlink }

// IsIP reports whether the descriptor is an IPv4 or IPv6 socket.
func (f *FD) IsIP() bool { return f.Type >= FDIPv4 && f.Type <= FDIPv6Server }

// IsConn reports whether the descriptor is an IP socket that is not a bound or
// listening one.
func (f *FD) IsConn() bool { return f.Type == FDIPv4 || f.Type == FDIPv6 }

// IsServer reports whether the descriptor is a bound or listening IP socket.
func (f *FD) IsServer() bool { return f.Type == FDIPv4Server || f.Type == FDIPv6Server }

// IsFile reports whether the descriptor is a file (not a directory).
func (f *FD) IsFile() bool { return f.Type == FDFile || f.Type == FDOldFile }
