// SPDX-License-Identifier: Apache-2.0

// Package scaptest builds events and plays them: what the tests of all layers
// use instead of a kernel. Its functions panic when a test asks for something
// that the event tables do not allow, because that is a mistake in the test.
package scaptest

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"reflect"

	"github.com/tiercel/tiercel/scap"
)

// Event builds an event from one value for each parameter of its type and
// decodes it. The values are checked against the tables:
//
//   - any Go integer for a number, if it fits the width of the type;
//   - a string for text and paths (the NUL is added);
//   - a []string for lists of strings (NUL-terminated back to back);
//   - a []byte as it is (for a fixed width it must have it);
//   - nil for a parameter without a value;
//   - bool, float64 and netip.Addr for the types that mean these.
//
// Values for PTDyn, sockets and descriptor lists come from Dyn, Sockaddr,
// Tuple, FDList and their likes.
func Event(t scap.EventType, ts uint64, tid int64, params ...any) *scap.Event {
	return Decode(Bytes(t, ts, tid, params...))
}

// Bytes is Event without the decoding: the wire form.
func Bytes(t scap.EventType, ts uint64, tid int64, params ...any) []byte {
	info := infoOf(t)
	if len(params) != len(info.Params) {
		panic(fmt.Sprintf("scaptest: %s (%d) takes %d parameters, got %d", info.Enum, t, len(info.Params), len(params)))
	}
	enc := make([][]byte, len(params))
	for i, v := range params {
		p, err := Encode(info.Params[i].Type, v)
		if err != nil {
			panic(fmt.Sprintf("scaptest: %s (%d), parameter %d %s: %v", info.Enum, t, i, info.Params[i].Name, err))
		}
		enc[i] = p
	}
	return Raw(t, ts, tid, enc...)
}

// P gives parameters by name.
type P map[string]any

// Named builds an event from the parameters that matter to a test; all others
// are without a value.
func Named(t scap.EventType, ts uint64, tid int64, params P) *scap.Event {
	return Decode(NamedBytes(t, ts, tid, params))
}

// NamedBytes is Named without the decoding.
func NamedBytes(t scap.EventType, ts uint64, tid int64, params P) []byte {
	info := infoOf(t)
	all := make([]any, len(info.Params))
	left := len(params)
	for i := range info.Params {
		if v, ok := params[info.Params[i].Name]; ok {
			all[i] = v
			left--
		}
	}
	if left != 0 {
		panic(fmt.Sprintf("scaptest: %s (%d) lacks a parameter of %v", info.Enum, t, params))
	}
	return Bytes(t, ts, tid, all...)
}

// Raw builds the wire form from encoded parameters, without a look at the
// tables: for malformed and old events.
func Raw(t scap.EventType, ts uint64, tid int64, params ...[]byte) []byte {
	b, err := scap.AppendEvent(nil, t, ts, tid, params...)
	if err != nil {
		panic("scaptest: " + err.Error())
	}
	return b
}

// Decode returns the event at b[0].
func Decode(b []byte) *scap.Event {
	e := new(scap.Event)
	if err := e.Decode(b); err != nil {
		panic("scaptest: " + err.Error())
	}
	return e
}

// Dyn is the value of a PTDyn parameter: the selector and the encoded value.
func Dyn(selector uint8, t scap.ParamType, v any) []byte {
	p, err := Encode(t, v)
	if err != nil {
		panic(fmt.Sprintf("scaptest: dynamic parameter: %v", err))
	}
	return append([]byte{selector}, p...)
}

// Sockaddr is an internet address such as "10.0.0.1:80" or "[::1]:80".
func Sockaddr(addr string) []byte {
	return scap.AppendSockaddr(nil, netip.MustParseAddrPort(addr))
}

// SockaddrUnix is a unix address.
func SockaddrUnix(path string) []byte { return scap.AppendSockaddrUnix(nil, path) }

// Tuple is an internet connection, e.g. from "10.0.0.1:4711" to "1.1.1.1:53".
func Tuple(src, dst string) []byte {
	return scap.AppendSocktuple(nil, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst))
}

// TupleUnix is a unix connection: kernel addresses and the bound path.
func TupleUnix(src, dst uint64, path string) []byte {
	return scap.AppendSocktupleUnix(nil, src, dst, path)
}

// PollFD is an entry of a PTFDList parameter.
type PollFD struct {
	FD   int64
	Bits int16
}

// FDList is the value of a PTFDList parameter.
func FDList(fds ...PollFD) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(fds)))
	for _, f := range fds {
		b = binary.LittleEndian.AppendUint64(b, uint64(f.FD))
		b = binary.LittleEndian.AppendUint16(b, uint16(f.Bits))
	}
	return b
}

// Encode returns the wire form of v as a parameter of type t; nil for nil.
func Encode(t scap.ParamType, v any) ([]byte, error) {
	width, fixed := t.Width()
	switch x := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		if fixed && len(x) != 0 && len(x) != width {
			return nil, fmt.Errorf("%d bytes for a value of %d", len(x), width)
		}
		return x, nil
	case string:
		if !t.IsText() {
			return nil, fmt.Errorf("string %q for type %d", x, t)
		}
		return append([]byte(x), 0), nil
	case []string:
		if fixed || t.IsText() {
			return nil, fmt.Errorf("list of strings for type %d", t)
		}
		b := []byte{}
		for _, s := range x {
			b = append(append(b, s...), 0)
		}
		return b, nil
	case netip.Addr:
		b := x.AsSlice()
		if fixed && len(b) != width {
			return nil, fmt.Errorf("address %v for type %d", x, t)
		}
		return b, nil
	case bool:
		if x {
			return Encode(t, 1)
		}
		return Encode(t, 0)
	case float64:
		if t != scap.PTDouble {
			return nil, fmt.Errorf("float for type %d", t)
		}
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)), nil
	}
	if !fixed {
		return nil, fmt.Errorf("%T for type %d, which has no fixed width", v, t)
	}
	return encodeInt(width, v)
}

// encodeInt accepts a value that fits the width either as signed or as
// unsigned, so that a test may write -1 for an id without a value.
func encodeInt(width int, v any) ([]byte, error) {
	var bits uint64
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		i := r.Int()
		if width < 8 && (i < -1<<(8*width-1) || i >= 1<<(8*width)) {
			return nil, fmt.Errorf("%d does not fit %d bytes", i, width)
		}
		bits = uint64(i)
	case r.CanUint():
		bits = r.Uint()
		if width < 8 && bits >= 1<<(8*width) {
			return nil, fmt.Errorf("%d does not fit %d bytes", bits, width)
		}
	default:
		return nil, fmt.Errorf("%T is no number", v)
	}
	return binary.LittleEndian.AppendUint64(nil, bits)[:width], nil
}

func infoOf(t scap.EventType) *scap.EventInfo {
	info := t.Info()
	if info == nil || info.Name == "" {
		panic(fmt.Sprintf("scaptest: no event type %d in the tables", t))
	}
	return info
}
