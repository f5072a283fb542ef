// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"slices"

	"github.com/tiercel/tiercel/scap"
)

// class groups the types that compare alike.
type class uint8

const (
	classNone class = iota // exists is the only operator
	classSigned
	classUnsigned
	classDouble
	classBool
	classString
	classBuffer
	classAddr
	classNet
)

func classOf(t scap.ParamType) class {
	switch t {
	case scap.PTInt8, scap.PTInt16, scap.PTInt32, scap.PTInt64, scap.PTErrno, scap.PTFD, scap.PTPID,
		scap.PTFD32, scap.PTPID32:
		return classSigned
	case scap.PTUint8, scap.PTUint16, scap.PTUint32, scap.PTUint64, scap.PTSyscallID, scap.PTSigtype,
		scap.PTReltime, scap.PTAbstime, scap.PTPort, scap.PTFlags8, scap.PTFlags16, scap.PTFlags32,
		scap.PTMode, scap.PTEnumflags8, scap.PTEnumflags16, scap.PTEnumflags32:
		return classUnsigned
	case scap.PTDouble:
		return classDouble
	case scap.PTBool:
		return classBool
	case scap.PTCharbuf, scap.PTFSPath, scap.PTFSRelpath:
		return classString
	case scap.PTBytebuf:
		return classBuffer
	case scap.PTIPv4Addr, scap.PTIPv6Addr, scap.PTIPAddr:
		return classAddr
	case scap.PTIPv4Net, scap.PTIPv6Net, scap.PTIPNet:
		return classNet
	}
	return classNone
}

// isText reports whether values of the class are in Value.S and Value.Strs
// (else they are in N and Nums).
func (c class) isText() bool { return c >= classString }

// operators lists what each class can be compared with, besides exists; the
// name goes into messages.
var operators = map[class]struct {
	name string
	ops  []string
}{
	classSigned:   {"numeric", numericOps},
	classUnsigned: {"numeric", numericOps},
	classDouble:   {"numeric", numericOps},
	classBool:     {"boolean", []string{"=", "!=", "in", "intersects"}},
	classString: {"string", []string{"=", "!=", "<", "<=", ">", ">=", "contains", "icontains", "startswith",
		"endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch"}},
	classBuffer: {"buffer", []string{"=", "!=", "contains", "startswith", "endswith", "bcontains", "bstartswith",
		"in", "intersects"}},
	classAddr: {"ip address and network", []string{"=", "!=", "in", "intersects"}},
	classNet:  {"ip address and network", []string{"=", "!=", "in", "intersects"}},
}

var numericOps = []string{"=", "!=", "<", "<=", ">", ">=", "in", "intersects"}

// listTypes are the element types that list fields can be compared with.
var listTypes = []scap.ParamType{scap.PTCharbuf, scap.PTUint64, scap.PTReltime, scap.PTAbstime, scap.PTBool,
	scap.PTIPAddr, scap.PTIPNet}

// checkOperator returns the reference's message when the operator does not
// fit the type, else "".
func checkOperator(op string, t scap.ParamType, list bool) string {
	if op == "exists" {
		return ""
	}
	if list {
		if !slices.Contains(listTypes, t) {
			return fmt.Sprintf("filter error: list filters are not supported for type '%s'", typeName(t))
		}
		if op != "in" && op != "intersects" {
			return fmt.Sprintf("filter error: '%s' operator not supported list filters", op)
		}
		return ""
	}
	known, ok := operators[classOf(t)]
	if !ok {
		return fmt.Sprintf("filter error: '%s' operator not supported for type '%s'", op, typeName(t))
	}
	if !slices.Contains(known.ops, op) {
		return fmt.Sprintf("filter error: '%s' operator not supported for %s filters", op, known.name)
	}
	return ""
}

// typeNames are the names of the types in messages.
var typeNames = [...]string{
	scap.PTNone: "NONE", scap.PTInt8: "INT8", scap.PTInt16: "INT16", scap.PTInt32: "INT32", scap.PTInt64: "INT64",
	scap.PTUint8: "UINT8", scap.PTUint16: "UINT16", scap.PTUint32: "UINT32", scap.PTUint64: "UINT64",
	scap.PTCharbuf: "CHARBUF", scap.PTBytebuf: "BYTEBUF", scap.PTErrno: "ERRNO", scap.PTSockaddr: "SOCKADDR",
	scap.PTSocktuple: "SOCKTUPLE", scap.PTFD: "FD", scap.PTPID: "PID", scap.PTFDList: "FDLIST",
	scap.PTFSPath: "FSPATH", scap.PTSyscallID: "SYSCALLID", scap.PTSigtype: "SIGTYPE", scap.PTReltime: "RELTIME",
	scap.PTAbstime: "ABSTIME", scap.PTPort: "PORT", scap.PTL4Proto: "L4PROTO", scap.PTSockfamily: "SOCKFAMILY",
	scap.PTBool: "BOOL", scap.PTIPv4Addr: "IPV4ADDR", scap.PTDyn: "DYN", scap.PTFlags8: "FLAGS8",
	scap.PTFlags16: "FLAGS16", scap.PTFlags32: "FLAGS32", scap.PTUID: "UID", scap.PTGID: "GID",
	scap.PTDouble: "DOUBLE", scap.PTSigset: "SIGSET", scap.PTCharbufArray: "CHARBUFARRAY",
	scap.PTCharbufPairArray: "CHARBUF_PAIR_ARRAY", scap.PTIPv4Net: "IPV4NET", scap.PTIPv6Addr: "IPV6ADDR",
	scap.PTIPv6Net: "IPV6NET", scap.PTIPAddr: "IPADDR", scap.PTIPNet: "IPNET", scap.PTMode: "MODE",
	scap.PTFSRelpath: "FSRELPATH", scap.PTEnumflags8: "ENUMFLAGS8", scap.PTEnumflags16: "ENUMFLAGS16",
	scap.PTEnumflags32: "ENUMFLAGS32", scap.PTFD32: "FD32", scap.PTPID32: "PID32",
}

func typeName(t scap.ParamType) string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}
