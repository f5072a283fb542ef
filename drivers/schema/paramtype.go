// SPDX-License-Identifier: Apache-2.0

package schema

// Type is a parameter type. Its code is the index in the list of types, which
// is that of the capture format.
type Type struct {
	Name   string // in the data files
	Go     string // constant of package scap
	Width  int    // bytes on the wire, 0 for variable length
	Signed bool
	Format string // print format when the data names none
}

var types = []*Type{
	{"none", "PTNone", 0, false, "na"},
	{"int8", "PTInt8", 1, true, "dec"},
	{"int16", "PTInt16", 2, true, "dec"},
	{"int32", "PTInt32", 4, true, "dec"},
	{"int64", "PTInt64", 8, true, "dec"},
	{"uint8", "PTUint8", 1, false, "dec"},
	{"uint16", "PTUint16", 2, false, "dec"},
	{"uint32", "PTUint32", 4, false, "dec"},
	{"uint64", "PTUint64", 8, false, "dec"},
	{"charbuf", "PTCharbuf", 0, false, "na"},
	{"bytebuf", "PTBytebuf", 0, false, "na"},
	{"errno", "PTErrno", 8, true, "dec"},
	{"sockaddr", "PTSockaddr", 0, false, "na"},
	{"socktuple", "PTSocktuple", 0, false, "na"},
	{"fd", "PTFD", 8, true, "dec"},
	{"pid", "PTPID", 8, true, "dec"},
	{"fdlist", "PTFDList", 0, false, "dec"},
	{"fspath", "PTFSPath", 0, false, "na"},
	{"syscallid", "PTSyscallID", 2, false, "dec"},
	{"sigtype", "PTSigtype", 1, false, "dec"},
	{"reltime", "PTReltime", 8, false, "dec"},
	{"abstime", "PTAbstime", 8, false, "dec"},
	{"port", "PTPort", 2, false, "dec"},
	{"l4proto", "PTL4Proto", 1, false, "dec"},
	{"sockfamily", "PTSockfamily", 1, false, "dec"},
	{"bool", "PTBool", 4, false, "dec"},
	{"ipv4addr", "PTIPv4Addr", 4, false, "dec"},
	{"dyn", "PTDyn", 0, false, "dec"},
	{"flags8", "PTFlags8", 1, false, "hex"},
	{"flags16", "PTFlags16", 2, false, "hex"},
	{"flags32", "PTFlags32", 4, false, "hex"},
	{"uid", "PTUID", 4, false, "dec"},
	{"gid", "PTGID", 4, false, "dec"},
	{"double", "PTDouble", 8, false, "dec"},
	{"sigset", "PTSigset", 4, false, "dec"},
	{"charbufarray", "PTCharbufArray", 0, false, "na"},
	{"charbuf_pair_array", "PTCharbufPairArray", 0, false, "na"},
	{"ipv4net", "PTIPv4Net", 0, false, "dec"},
	{"ipv6addr", "PTIPv6Addr", 16, false, "dec"},
	{"ipv6net", "PTIPv6Net", 0, false, "dec"},
	{"ipaddr", "PTIPAddr", 0, false, "dec"},
	{"ipnet", "PTIPNet", 0, false, "dec"},
	{"mode", "PTMode", 4, false, "oct"},
	{"fsrelpath", "PTFSRelpath", 0, false, "na"},
	{"enumflags8", "PTEnumflags8", 1, false, "dec"},
	{"enumflags16", "PTEnumflags16", 2, false, "dec"},
	{"enumflags32", "PTEnumflags32", 4, false, "dec"},
	{"fd32", "PTFD32", 4, true, "dec"},
	{"pid32", "PTPID32", 4, true, "dec"},
}

// formats are the print formats and their constants in package scap.
var formats = map[string]string{
	"na": "PFNA", "dec": "PFDec", "hex": "PFHex", "10_padded_dec": "PF10PaddedDec",
	"id": "PFID", "dir": "PFDir", "oct": "PFOct",
}

// FormatGo returns the constant of package scap for a print format.
func FormatGo(format string) string { return formats[format] }

func typeByName(name string) *Type {
	for _, t := range types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// categories, classes and flags of events and their values in captures.
// Category and class share one word: the category is the low part.
var (
	categories = []Value{
		{Name: "unknown"}, {Name: "other", Value: 1}, {Name: "file", Value: 2}, {Name: "net", Value: 3},
		{Name: "ipc", Value: 4}, {Name: "memory", Value: 5}, {Name: "process", Value: 6}, {Name: "sleep", Value: 7},
		{Name: "system", Value: 8}, {Name: "signal", Value: 9}, {Name: "user", Value: 10}, {Name: "time", Value: 11},
		{Name: "processing", Value: 12}, {Name: "io_read", Value: 32}, {Name: "io_write", Value: 33},
		{Name: "io_other", Value: 34}, {Name: "wait", Value: 64}, {Name: "scheduler", Value: 128}, {Name: "internal", Value: 256},
	}
	classes = []Value{
		{Name: "none"}, {Name: "syscall", Value: 0x200}, {Name: "tracepoint", Value: 0x400}, {Name: "plugin", Value: 0x800},
		{Name: "metaevent", Value: 0x1000}, {Name: "iter", Value: 0x2000},
	}
	eventFlags = []Value{
		{Name: "creates_fd", Value: 1}, {Name: "destroys_fd", Value: 2}, {Name: "uses_fd", Value: 4},
		{Name: "reads_from_fd", Value: 8}, {Name: "writes_to_fd", Value: 0x10}, {Name: "modifies_state", Value: 0x20},
		{Name: "unused", Value: 0x40}, {Name: "waits", Value: 0x80}, {Name: "skipparsereset", Value: 0x100},
		{Name: "old_version", Value: 0x200}, {Name: "large_payload", Value: 0x800}, {Name: "converter_managed", Value: 0x1000},
	}
)

// Categories, Classes and EventFlags list the words of the data files with
// their values in the capture format.
func Categories() []Value { return categories }

// Classes lists the event classes.
func Classes() []Value { return classes }

// EventFlags lists the event flags.
func EventFlags() []Value { return eventFlags }

func names(vs []Value) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.Name
	}
	return out
}
