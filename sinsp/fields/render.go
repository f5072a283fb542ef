// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// A parameter has a plain text, which shows what is on the wire, and often a
// resolved one, which says what it means: names of flags, the file behind a
// descriptor, the command behind a process id. Everything here appends to dst
// and allocates nothing beyond it.

// atFDCWD stands for the current directory where a call takes a directory
// descriptor (fcntl.h).
const atFDCWD = -100

// maxBuffer bounds the text of a buffer among the parameters, so that an alert
// stays an alert; evt.buffer has all that was captured.
const maxBuffer = 4096

// appendPlain appends the plain text of parameter i.
func appendPlain(dst []byte, ev *state.Event, i int) []byte {
	in := ev.Info()
	if in == nil || i >= len(in.Params) {
		return dst
	}
	p := &in.Params[i]
	raw := ev.Param(i)
	if p.Type == scap.PTFDList && len(raw) > 0 {
		return appendFDList(dst, ev.Thread, raw) // its only text: with the kinds of descriptors
	}
	return plain(dst, p.Type, p.Format, p.Dyn, raw)
}

// emptyText is what a parameter without a value prints.
func emptyText(t scap.ParamType) string {
	switch t {
	case scap.PTBytebuf, scap.PTSocktuple, scap.PTFDList, scap.PTDyn, scap.PTCharbufArray, scap.PTCharbufPairArray:
		return "NULL"
	}
	return "<NA>"
}

func plain(dst []byte, t scap.ParamType, f scap.ParamFormat, dyn []scap.DynVariant, p []byte) []byte {
	if len(p) == 0 {
		return append(dst, emptyText(t)...)
	}
	switch t {
	case scap.PTCharbuf, scap.PTFSPath, scap.PTFSRelpath:
		return append(dst, cString(p)...)
	case scap.PTBytebuf:
		if len(p) > maxBuffer {
			dst = AppendPrintable(dst, scap.View(p[:maxBuffer-len("...")]))
			return append(dst, "..."...)
		}
		return AppendPrintable(dst, scap.View(p))
	case scap.PTSockaddr:
		return appendSockaddr(dst, p)
	case scap.PTSocktuple:
		return appendSocktuple(dst, p)
	case scap.PTIPv4Addr, scap.PTIPv6Addr, scap.PTIPAddr:
		return AppendAddr(dst, scap.View(p))
	case scap.PTCharbufArray:
		return appendJoined(dst, p, ".")
	case scap.PTCharbufPairArray:
		return appendPairs(dst, p)
	case scap.PTDyn:
		if int(p[0]) < len(dyn) {
			v := &dyn[p[0]]
			return plain(dst, v.Type, v.Format, nil, p[1:])
		}
		return append(dst, emptyText(t)...)
	case scap.PTSigset:
		return appendSignals(dst, p)
	case scap.PTFDList:
		return appendFDList(dst, nil, p)
	}
	n, ok := number(p, t)
	if !ok {
		return append(dst, emptyText(t)...)
	}
	return appendNumber(dst, t, f, n)
}

// number reads an integer parameter, its sign extended when its type has one.
func number(p []byte, t scap.ParamType) (uint64, bool) {
	switch len(p) {
	case 8:
		return binary.LittleEndian.Uint64(p), true
	case 4:
		n := binary.LittleEndian.Uint32(p)
		if isSigned(t) {
			return uint64(int64(int32(n))), true
		}
		return uint64(n), true
	case 2:
		n := binary.LittleEndian.Uint16(p)
		if isSigned(t) {
			return uint64(int64(int16(n))), true
		}
		return uint64(n), true
	case 1:
		if isSigned(t) {
			return uint64(int64(int8(p[0]))), true
		}
		return uint64(p[0]), true
	}
	return 0, false
}

func isSigned(t scap.ParamType) bool {
	switch t {
	case scap.PTInt8, scap.PTInt16, scap.PTInt32, scap.PTInt64, scap.PTErrno, scap.PTFD, scap.PTPID,
		scap.PTFD32, scap.PTPID32:
		return true
	}
	return false
}

// appendNumber appends the number of a parameter.
func appendNumber(dst []byte, t scap.ParamType, f scap.ParamFormat, n uint64) []byte {
	switch t {
	case scap.PTReltime:
		if n == scap.NoValue64 {
			return append(dst, "none"...)
		}
		return strconv.AppendUint(dst, n, 10)
	case scap.PTAbstime:
		return appendAbstime(dst, n)
	case scap.PTUID, scap.PTGID:
		return strconv.AppendInt(dst, int64(int32(n)), 10)
	case scap.PTBool:
		return strconv.AppendBool(dst, n != 0)
	case scap.PTDouble:
		return strconv.AppendFloat(dst, math.Float64frombits(n), 'f', 1, 64)
	case scap.PTFlags8, scap.PTFlags16, scap.PTFlags32, scap.PTEnumflags8, scap.PTEnumflags16, scap.PTEnumflags32,
		scap.PTSigtype, scap.PTSyscallID, scap.PTL4Proto, scap.PTPort:
		return strconv.AppendUint(dst, n, 10)
	}
	if t == scap.PTErrno {
		return strconv.AppendInt(dst, int64(n), 10) // also where the table says hexadecimal
	}
	switch f {
	case scap.PFHex:
		return appendHex(dst, n, numberWidth(t))
	case scap.PFOct:
		return appendOctal(dst, cut(n, numberWidth(t)))
	case scap.PF10PaddedDec:
		return appendPadded(dst, n)
	}
	// Decimal 32- and 64-bit numbers show their sign bit as a sign: an id of
	// all ones, which means none, prints as -1.
	switch t {
	case scap.PTUint32:
		return strconv.AppendInt(dst, int64(int32(n)), 10)
	default:
		return strconv.AppendInt(dst, int64(n), 10)
	}
}

func cut(n uint64, width int) uint64 {
	if width < 8 {
		n &= 1<<(8*width) - 1
	}
	return n
}

func appendHex(dst []byte, n uint64, width int) []byte {
	from := len(dst)
	dst = strconv.AppendUint(dst, cut(n, width), 16)
	for i := from; i < len(dst); i++ {
		if dst[i] >= 'a' {
			dst[i] -= 'a' - 'A'
		}
	}
	return dst
}

// appendPadded prints at least nine digits.
func appendPadded(dst []byte, n uint64) []byte {
	for lim := uint64(100_000_000); lim > 1 && n < lim; lim /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

func appendAbstime(dst []byte, ns uint64) []byte {
	return time.Unix(0, int64(ns)).AppendFormat(dst, "2006-01-02 15:04:05.000000000 -0700")
}

// cString is p up to its first NUL.
func cString(p []byte) []byte {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		return p[:i]
	}
	return p
}

// AppendPrintable appends bytes as outputs show them: printable ASCII as it
// is, every other byte as a dot.
func AppendPrintable(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}

// AppendAddr appends the text of an address of 4 or 16 bytes.
func AppendAddr(dst []byte, s string) []byte {
	switch len(s) {
	case 4:
		return netip.AddrFrom4([4]byte([]byte(s))).AppendTo(dst)
	case 16:
		return netip.AddrFrom16([16]byte([]byte(s))).AppendTo(dst)
	}
	return append(dst, "<NA>"...)
}

func appendSockaddr(dst, p []byte) []byte {
	a, ok := scap.DecodeSockaddr(p)
	if !ok {
		return append(dst, emptyText(scap.PTSockaddr)...)
	}
	switch a.Family {
	case scap.FamilyINET, scap.FamilyINET6:
		return appendEndpoint(dst, &a.Endpoint, a.Family)
	case scap.FamilyUnix:
		return append(dst, a.Path...)
	}
	return appendFamily(dst, a.Family)
}

func appendSocktuple(dst, p []byte) []byte {
	t, ok := scap.DecodeSocktuple(p)
	if !ok {
		return append(dst, emptyText(scap.PTSocktuple)...)
	}
	switch t.Family {
	case scap.FamilyINET, scap.FamilyINET6:
		family := t.Family
		if family == scap.FamilyINET6 && isMapped(&t.Src.IP) && isMapped(&t.Dst.IP) {
			family = scap.FamilyINET
			copy(t.Src.IP[:], t.Src.IP[12:])
			copy(t.Dst.IP[:], t.Dst.IP[12:])
		}
		dst = appendEndpoint(dst, &t.Src, family)
		dst = append(dst, "->"...)
		return appendEndpoint(dst, &t.Dst, family)
	case scap.FamilyUnix:
		dst = strconv.AppendUint(dst, t.Src.Ptr, 16)
		dst = append(dst, "->"...)
		dst = strconv.AppendUint(dst, t.Dst.Ptr, 16)
		dst = append(dst, ' ')
		return append(dst, t.Path...)
	}
	return appendFamily(dst, t.Family)
}

// isMapped reports whether a v6 address stands for a v4 one (RFC 4291 2.5.5.2).
func isMapped(ip *[16]byte) bool {
	return ip[10] == 0xff && ip[11] == 0xff && [10]byte(ip[:10]) == [10]byte{}
}

func appendEndpoint(dst []byte, e *scap.Endpoint, family uint8) []byte {
	dst = e.Addr(family).AppendTo(dst)
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(e.Port), 10)
}

func appendFamily(dst []byte, family uint8) []byte {
	dst = append(dst, "family "...)
	return strconv.AppendUint(dst, uint64(family), 10)
}

// appendJoined appends NUL-terminated strings, sep between them.
func appendJoined(dst, p []byte, sep string) []byte {
	for first := true; len(p) > 0; first = false {
		if !first {
			dst = append(dst, sep...)
		}
		s := cString(p)
		dst = append(dst, s...)
		p = p[min(len(s)+1, len(p)):]
	}
	return dst
}

func appendPairs(dst, p []byte) []byte {
	for i := 0; len(p) > 0; i++ {
		switch {
		case i%2 == 1:
			dst = append(dst, ':')
		case i > 0:
			dst = append(dst, ',')
		}
		s := cString(p)
		dst = append(dst, s...)
		p = p[min(len(s)+1, len(p)):]
	}
	return dst
}

// appendSignals appends the names of a set: bit n is signal n+1.
func appendSignals(dst, p []byte) []byte {
	set, ok := number(p, scap.PTSigset)
	if !ok {
		return append(dst, emptyText(scap.PTSigset)...)
	}
	from := len(dst)
	for n := range 32 {
		if set&(1<<n) == 0 {
			continue
		}
		if len(dst) > from {
			dst = append(dst, ' ')
		}
		dst = append(dst, nameOf(signalNames, uint64(n+1))...)
	}
	return dst
}

// appendFDList appends the descriptors of a poll as number, colon, kind and
// the bits that were asked for or found.
func appendFDList(dst []byte, t *state.Thread, p []byte) []byte {
	for i := 0; ; i++ {
		fd, bits, ok := fdListEntry(p, i)
		if !ok {
			return dst
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		kind := byte('?')
		if t != nil {
			if f := t.FDs().Get(fd); f != nil {
				kind = typeChar(f.Type)
			}
		}
		dst = strconv.AppendInt(dst, fd, 10)
		dst = append(dst, ':', kind)
		dst = strconv.AppendUint(dst, uint64(bits), 16)
	}
}

// fdListEntry returns descriptor i of a PTFDList parameter.
func fdListEntry(p []byte, i int) (fd int64, bits uint16, ok bool) {
	if len(p) < 2 || i >= int(binary.LittleEndian.Uint16(p)) || len(p) < 2+10*(i+1) {
		return 0, 0, false
	}
	p = p[2+10*i:]
	return int64(binary.LittleEndian.Uint64(p)), binary.LittleEndian.Uint16(p[8:]), true
}
