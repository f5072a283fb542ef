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

// Width returns the number of bytes of a value of type t on the wire. fixed is
// false for a type whose length varies or which never is on the wire.
func (t ParamType) Width() (bytes int, fixed bool) {
	if int(t) >= len(paramWidths) || paramWidths[t] == 0 {
		return 0, false
	}
	return int(paramWidths[t]), true
}

// IsText reports whether a value of type t is a string with its NUL.
func (t ParamType) IsText() bool {
	return t == PTCharbuf || t == PTFSPath || t == PTFSRelpath
}

// IsSigned reports whether a number of type t has a sign.
func (t ParamType) IsSigned() bool {
	switch t {
	case PTInt8, PTInt16, PTInt32, PTInt64, PTErrno, PTFD, PTPID, PTFD32, PTPID32:
		return true
	}
	return false
}

// paramWidths has 0 for the types without a fixed width.
var paramWidths = [...]uint8{
	PTInt8: 1, PTInt16: 2, PTInt32: 4, PTInt64: 8,
	PTUint8: 1, PTUint16: 2, PTUint32: 4, PTUint64: 8,
	PTErrno: 8, PTFD: 8, PTPID: 8,
	PTSyscallID: 2, PTSigtype: 1, PTReltime: 8, PTAbstime: 8,
	PTPort: 2, PTL4Proto: 1, PTSockfamily: 1, PTBool: 4, PTIPv4Addr: 4,
	PTFlags8: 1, PTFlags16: 2, PTFlags32: 4, PTUID: 4, PTGID: 4,
	PTDouble: 8, PTSigset: 4, PTIPv6Addr: 16, PTMode: 4,
	PTEnumflags8: 1, PTEnumflags16: 2, PTEnumflags32: 4,
	PTFD32: 4, PTPID32: 4,
}
