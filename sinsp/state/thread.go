// SPDX-License-Identifier: Apache-2.0

package state

// Thread is what is known of one thread. Strings are owned (never views over
// an event) and interned where they repeat.
type Thread struct {
	TID, PID, PTID   int64
	SID, VPGID, PGID int64
	VTID, VPID       int64
	Comm             string
	Exe              string   // argv[0]
	ExePath          string   // the file that runs
	Args             []string // without argv[0]
	Env              []string
	CWD              string // main thread only, with a trailing slash; use Engine.CWD
	Root             string
	Cgroups          []string // subsystem=path
	ContainerID      string   // "" on the host
	UID, GID         uint32
	LoginUID         uint32
	TTY              uint32
	Flags            uint32 // PPM_CL_*
	FDLimit          int64
	CapInheritable   uint64
	CapPermitted     uint64
	CapEffective     uint64
	ExeIno           uint64
	ExeCtime         uint64 // ns since the epoch
	ExeMtime         uint64
	ExeWritable      bool
	ExeUpperLayer    bool
	ExeLowerLayer    bool
	ExeMemfd         bool
	CloneTS          uint64 // ns since the epoch
	LastExecTS       uint64
	PidnsInitStartTS uint64
	VMSize, VMRSS    uint32 // kB
	VMSwap           uint32
	PfMajor, PfMinor uint64

	// Derived once when the thread is created or executes something, so that
	// reading them per event costs nothing.
	Cmdline string // comm + args
	ExeLine string // exe + args
	ArgLine string // args joined by blanks
	EnvLine string

	// Owned by the engine.
	parent    *Thread
	children  []*Thread
	group     *Group
	fds       *FDTable
	lastFD    int64
	accessTS  uint64
	enter     []byte // remembered enter event
	dead      bool
	uncertain bool
}

// Group is a thread group (a process).
type Group struct {
	PID     int64
	Leader  *Thread // nil when the main thread is not known
	Threads []*Thread
	Alive   int
	Reaper  bool
}

// FDType is the kind of a descriptor (flags.tsv x_fd_type of the capture
// format).
type FDType uint8

// FD is one open descriptor. Name is what fd.name prints.
type FD struct {
	Type      FDType
	Name      string
	NameRaw   string
	OldName   string
	Flags     uint32 // open flags, portable encoding
	Dev       uint32
	Ino       uint64
	MountID   uint32
	PID       int64 // of a pidfd
	L4        uint8
	Role      Role
	Connected bool
	Pending   bool
	Failed    bool
	Cloned    bool
	FromProc  bool
	Upper     bool
	Lower     bool
	// Sockets: 4 or 16 bytes of address, host-order ports.
	V6               bool
	SrcIP, DstIP     [16]byte
	SrcPort, DstPort uint16
	// Unix sockets: kernel addresses.
	SrcPtr, DstPtr uint64
}

// Role of a socket.
type Role uint8

// Roles.
const (
	RoleNone Role = iota
	RoleClient
	RoleServer
)
