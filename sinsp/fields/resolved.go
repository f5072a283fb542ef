// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strconv"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// appendResolved appends what parameter i means; it appends nothing when that
// is not more than the plain text says.
func appendResolved(dst []byte, ev *state.Event, i int) []byte {
	in := ev.Info()
	if in == nil || i >= len(in.Params) {
		return dst
	}
	p, raw := &in.Params[i], ev.Param(i)
	if len(raw) == 0 {
		return dst
	}
	switch p.Type {
	case scap.PTFSPath:
		return appendAbsPath(dst, ev, cString(raw), atFDCWD)
	case scap.PTFSRelpath:
		dirfd := int64(atFDCWD)
		if p.DirFD >= 0 {
			if n, ok := ev.Int(int(p.DirFD)); ok {
				dirfd = n
			}
		}
		return appendAbsPath(dst, ev, cString(raw), dirfd)
	case scap.PTDyn:
		if int(raw[0]) >= len(p.Dyn) {
			return dst
		}
		return resolveNumber(dst, ev, p.Dyn[raw[0]].Type, nil, raw[1:])
	case scap.PTFDList:
		return dst
	}
	return resolveNumber(dst, ev, p.Type, p.Flags, raw)
}

func resolveNumber(dst []byte, ev *state.Event, t scap.ParamType, flags *scap.FlagTable, raw []byte) []byte {
	n, ok := number(raw, t)
	if !ok {
		return dst
	}
	switch t {
	case scap.PTErrno:
		return appendErrno(dst, int64(n))
	case scap.PTFD, scap.PTFD32:
		return appendFD(dst, ev, int64(n))
	case scap.PTPID, scap.PTPID32:
		return appendComm(dst, ev, int64(n))
	case scap.PTSigtype:
		return append(dst, nameOf(signalNames, n)...)
	case scap.PTSyscallID:
		return append(dst, scap.SC(n).String()...)
	case scap.PTReltime:
		if n == scap.NoValue64 {
			return dst
		}
		dst = strconv.AppendFloat(dst, float64(n)/1e9, 'g', 6, 64)
		return append(dst, 's')
	case scap.PTUID:
		if uint32(n) == state.NoUID {
			return append(dst, "<NONE>"...)
		}
		return append(dst, userName(ev.Engine, ev.Thread, uint32(n))...)
	case scap.PTGID:
		if uint32(n) == state.NoUID {
			return append(dst, "<NONE>"...)
		}
		return append(dst, groupName(ev.Engine, ev.Thread, uint32(n))...)
	case scap.PTFlags8, scap.PTFlags16, scap.PTFlags32:
		return AppendFlags(dst, flags, n)
	case scap.PTEnumflags8, scap.PTEnumflags16, scap.PTEnumflags32:
		return appendEnum(dst, flags, n)
	case scap.PTMode:
		return appendMode(dst, flags, n)
	}
	return dst
}

func appendErrno(dst []byte, n int64) []byte {
	if n >= 0 {
		return dst
	}
	return append(dst, nameOf(errnoNames, uint64(-n))...)
}

// appendFD appends kind and name of a descriptor of the event's process: the
// kind as a letter, for IP sockets with the transport behind it.
func appendFD(dst []byte, ev *state.Event, n int64) []byte {
	switch {
	case n == atFDCWD:
		return append(dst, "AT_FDCWD"...)
	case n < 0:
		return appendErrno(dst, n)
	}
	fd := fdOf(ev, n)
	if fd == nil {
		return dst
	}
	dst = append(dst, '<', typeChar(fd.Type))
	if fd.IsIP() {
		switch fd.L4 {
		case state.L4TCP:
			dst = append(dst, 't')
		case state.L4UDP:
			dst = append(dst, 'u')
		case state.L4ICMP:
			dst = append(dst, 'i')
		case state.L4Raw:
			dst = append(dst, 'r')
		}
	}
	dst = append(dst, '>')
	return append(dst, fd.Name...)
}

// fdOf returns descriptor n of the event's process. The one that the event
// works on is asked of the event, because a close has already removed it.
func fdOf(ev *state.Event, n int64) *state.FD {
	if ev.FD != nil && ev.FDNum == n {
		return ev.FD
	}
	if ev.Thread == nil {
		return nil
	}
	return ev.Thread.FDs().Get(n)
}

func appendComm(dst []byte, ev *state.Event, pid int64) []byte {
	if ev.Engine == nil || pid < 0 {
		return dst
	}
	if t := ev.Engine.Thread(pid); t != nil {
		dst = append(dst, t.Comm...)
	}
	return dst
}

// appendAbsPath makes a relative path of a call absolute. It appends nothing
// for a path that is absolute, empty or not captured, or whose directory is not
// known.
func appendAbsPath(dst []byte, ev *state.Event, path []byte, dirfd int64) []byte {
	if len(path) == 0 || path[0] == '/' || scap.View(path) == "<NA>" || ev.Thread == nil {
		return dst
	}
	dir := dirName(ev, dirfd)
	if dir == "" {
		return dst
	}
	return state.JoinPath(dst, dir, scap.View(path))
}

// dirName is the path of a directory descriptor, "" when it is not known.
func dirName(ev *state.Event, dirfd int64) string {
	if dirfd == atFDCWD {
		return ev.Thread.CWD()
	}
	if fd := ev.Thread.FDs().Get(dirfd); fd != nil {
		return fd.Name
	}
	return ""
}

// AppendFlags appends the names of the bits of n, "|" between them. A name of
// several bits takes them all, so that what they say is said once.
func AppendFlags(dst []byte, t *scap.FlagTable, n uint64) []byte {
	if t == nil {
		return dst
	}
	from, left := len(dst), uint32(n)
	for i := range t.Values {
		v := &t.Values[i]
		if v.Value == 0 && n != 0 || v.Value != 0 && left&v.Value != v.Value {
			continue
		}
		dst = appendName(dst, from, v.Name)
		left &^= v.Value
		if left == 0 {
			break
		}
	}
	return dst
}

func appendName(dst []byte, from int, name string) []byte {
	if len(dst) > from {
		dst = append(dst, '|')
	}
	return append(dst, name...)
}

// appendEnum appends every name of the value n.
func appendEnum(dst []byte, t *scap.FlagTable, n uint64) []byte {
	if t == nil {
		return dst
	}
	from := len(dst)
	for i := range t.Values {
		if uint64(t.Values[i].Value) == n {
			dst = appendName(dst, from, t.Values[i].Name)
		}
	}
	return dst
}

// appendMode appends the names of the bits of a file mode. A name that says
// all of it ends the list.
func appendMode(dst []byte, t *scap.FlagTable, n uint64) []byte {
	if t == nil {
		return dst
	}
	from, mode := len(dst), uint32(n)
	for i := range t.Values {
		v := &t.Values[i]
		if v.Value == mode {
			return appendName(dst, from, v.Name)
		}
		if v.Value != 0 && mode&v.Value == v.Value {
			dst = appendName(dst, from, v.Name)
		}
	}
	return dst
}
