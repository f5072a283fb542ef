// SPDX-License-Identifier: Apache-2.0

package scap

// ParamType is the wire type of an event parameter, and the type of a filter
// field. The values are those of the capture format.
type ParamType uint8

// Parameter types, in the order of the capture format.
const (
	PTNone ParamType = iota
	PTInt8
	PTInt16
	PTInt32
	PTInt64
	PTUint8
	PTUint16
	PTUint32
	PTUint64
	PTCharbuf
	PTBytebuf
	PTErrno
	PTSockaddr
	PTSocktuple
	PTFD
	PTPID
	PTFDList
	PTFSPath
	PTSyscallID
	PTSigtype
	PTReltime
	PTAbstime
	PTPort
	PTL4Proto
	PTSockfamily
	PTBool
	PTIPv4Addr
	PTDyn
	PTFlags8
	PTFlags16
	PTFlags32
	PTUID
	PTGID
	PTDouble
	PTSigset
	PTCharbufArray
	PTCharbufPairArray
	PTIPv4Net
	PTIPv6Addr
	PTIPv6Net
	PTIPAddr
	PTIPNet
	PTMode
	PTFSRelpath
	PTEnumflags8
	PTEnumflags16
	PTEnumflags32
	PTFD32
	PTPID32
)

// ParamFormat says how a number is printed.
type ParamFormat uint8

// Print formats, in the order of the capture format.
const (
	PFNA ParamFormat = iota
	PFDec
	PFHex
	PF10PaddedDec
	PFID
	PFDir
	PFOct
)

// FlagValue is one name of a flag or enumeration table.
type FlagValue struct {
	Name  string
	Value uint32
}

// FlagTable names the bits or values of a parameter, in printing order.
type FlagTable struct {
	Name   string
	Enum   bool // one value out of the table instead of a bit mask
	Values []FlagValue
}

// DynVariant is one shape of a PTDyn parameter, chosen by its selector byte.
type DynVariant struct {
	Name   string
	Type   ParamType
	Format ParamFormat
}

// ParamInfo describes one parameter of an event.
type ParamInfo struct {
	Name   string
	Type   ParamType
	Format ParamFormat
	Flags  *FlagTable   // nil when the type has no names
	Dyn    []DynVariant // for PTDyn, indexed by selector
	DirFD  int8         // for PTFSRelpath: the parameter with the directory descriptor; else -1
}
