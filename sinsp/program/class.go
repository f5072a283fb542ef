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

func typeName(t scap.ParamType) string {
	switch t {
	case scap.PTUID:
		return "UID"
	case scap.PTGID:
		return "GID"
	case scap.PTL4Proto:
		return "L4PROTO"
	case scap.PTSockaddr:
		return "SOCKADDR"
	case scap.PTSocktuple:
		return "SOCKTUPLE"
	case scap.PTFDList:
		return "FDLIST"
	case scap.PTSigset:
		return "SIGSET"
	case scap.PTCharbuf:
		return "CHARBUF"
	case scap.PTBytebuf:
		return "BYTEBUF"
	case scap.PTFSPath:
		return "FSPATH"
	case scap.PTFSRelpath:
		return "FSRELPATH"
	case scap.PTBool:
		return "BOOL"
	case scap.PTIPAddr:
		return "IPADDR"
	case scap.PTIPNet:
		return "IPNET"
	case scap.PTDouble:
		return "DOUBLE"
	case scap.PTPort:
		return "PORT"
	case scap.PTInt64:
		return "INT64"
	case scap.PTUint64:
		return "UINT64"
	case scap.PTUint32:
		return "UINT32"
	}
	return fmt.Sprintf("%d", t)
}
