// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/tiercel/tiercel/scap"
)

// AppendText appends the text of a value of the given type and print format,
// as outputs show it. A list is written as (a,b,c).
func AppendText(dst []byte, t scap.ParamType, f scap.ParamFormat, list bool, v *Value) []byte {
	if !list {
		return appendScalar(dst, t, f, v.S, v.N)
	}
	dst = append(dst, '(')
	for i := range v.Len(t) {
		if i > 0 {
			dst = append(dst, ',')
		}
		s, n := v.Elem(t, i)
		dst = appendScalar(dst, t, f, s, n)
	}
	return append(dst, ')')
}

// Len returns the number of elements of a list of type t.
func (v *Value) Len(t scap.ParamType) int {
	if IsText(t) {
		return len(v.Strs)
	}
	return len(v.Nums)
}

// Elem returns element i of a list of type t: text or a number.
func (v *Value) Elem(t scap.ParamType, i int) (s string, n uint64) {
	if IsText(t) {
		return v.Strs[i], 0
	}
	return "", v.Nums[i]
}

// IsText reports whether values of type t are kept in S and Strs rather than
// in N and Nums.
func IsText(t scap.ParamType) bool {
	switch t {
	case scap.PTCharbuf, scap.PTBytebuf, scap.PTFSPath, scap.PTFSRelpath, scap.PTSockaddr, scap.PTSocktuple,
		scap.PTFDList, scap.PTDyn, scap.PTCharbufArray, scap.PTCharbufPairArray,
		scap.PTIPAddr, scap.PTIPNet, scap.PTIPv4Addr, scap.PTIPv6Addr, scap.PTIPv4Net, scap.PTIPv6Net:
		return true
	}
	return false
}

// AppendBase64 appends bytes in base64, as outputs show buffers on request.
func AppendBase64(dst []byte, s string) []byte {
	// Piece by piece through the stack: no piece but the last needs padding.
	var piece [3 * 256]byte
	for len(s) > 0 {
		n := copy(piece[:], s)
		dst, s = base64.StdEncoding.AppendEncode(dst, piece[:n]), s[n:]
	}
	return dst
}

func appendScalar(dst []byte, t scap.ParamType, f scap.ParamFormat, s string, n uint64) []byte {
	switch t {
	case scap.PTCharbuf, scap.PTFSPath, scap.PTFSRelpath:
		return append(dst, s...)
	case scap.PTBytebuf:
		return AppendPrintable(dst, s)
	case scap.PTIPAddr, scap.PTIPv4Addr, scap.PTIPv6Addr, scap.PTIPNet:
		return AppendAddr(dst, s)
	case scap.PTBool:
		return strconv.AppendBool(dst, n != 0)
	case scap.PTDouble:
		return strconv.AppendFloat(dst, math.Float64frombits(n), 'f', 1, 64)
	}
	if IsText(t) { // a raw parameter, of the size that events have for lists
		var room [4096]byte
		return plain(dst, t, f, nil, append(room[:0], s...))
	}
	switch f {
	case scap.PFHex:
		return appendHex(dst, n, numberWidth(t))
	case scap.PFOct:
		return appendOctal(dst, cut(n, numberWidth(t)))
	case scap.PF10PaddedDec:
		return appendPadded(dst, n)
	}
	if isSigned(t) {
		return strconv.AppendInt(dst, int64(n), 10)
	}
	return strconv.AppendUint(dst, n, 10)
}

// appendOctal appends n with the zero that marks octal numbers; 0 is just 0.
func appendOctal(dst []byte, n uint64) []byte {
	if n != 0 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 8)
}

// numberWidth is the size of the numbers of a type, in bytes.
func numberWidth(t scap.ParamType) int {
	switch t {
	case scap.PTInt8, scap.PTUint8, scap.PTFlags8, scap.PTEnumflags8, scap.PTSigtype, scap.PTL4Proto:
		return 1
	case scap.PTInt16, scap.PTUint16, scap.PTFlags16, scap.PTEnumflags16, scap.PTPort, scap.PTSyscallID:
		return 2
	case scap.PTInt32, scap.PTUint32, scap.PTFlags32, scap.PTEnumflags32, scap.PTMode, scap.PTUID, scap.PTGID,
		scap.PTSigset, scap.PTFD32, scap.PTPID32, scap.PTBool:
		return 4
	}
	return 8
}
