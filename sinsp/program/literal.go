// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// literal is a constant of a condition, parsed as the type of the field that
// it is compared with.
type literal struct {
	n   uint64       // numbers, as in fields.Value
	s   string       // text, bytes, addresses
	net netip.Prefix // networks
}

// key is the same for equal literals of a type.
func (l literal) key() string {
	if l.net.IsValid() {
		return l.net.String()
	}
	return strconv.FormatUint(l.n, 16) + ":" + strconv.Quote(l.s)
}

// parseLiteral reads text as a value of type t for the operator.
func parseLiteral(t scap.ParamType, op, text string) (literal, error) {
	c := classOf(t)
	if c != classBuffer && strings.IndexByte(text, 0) >= 0 {
		return literal{}, fmt.Errorf("value %q contains a NUL byte", text)
	}
	switch c {
	case classSigned, classUnsigned:
		if t == scap.PTPort {
			return parsePort(text)
		}
		return parseInteger(t, text)
	case classDouble:
		l, err := parseInteger(scap.PTInt32, text)
		l.n = math.Float64bits(float64(int64(l.n)))
		return l, err
	case classBool:
		switch text {
		case "true":
			return literal{n: 1}, nil
		case "false":
			return literal{}, nil
		}
		return literal{}, fmt.Errorf("unrecognized boolean value %s", text)
	case classAddr:
		return parseAddr(text)
	case classNet:
		return parseNet(text)
	case classBuffer:
		if op == "bcontains" || op == "bstartswith" {
			b, err := hex.DecodeString(text)
			if err != nil {
				return literal{}, fmt.Errorf("%s operator supports hex strings only, got '%s'", op, text)
			}
			return literal{s: string(b)}, nil
		}
	}
	return literal{s: text}, nil
}

// parseInteger reads a decimal number and cuts it to the width of the type,
// as the C library does for the reference: white space may stand before it, a
// minus sign on an unsigned type wraps, and what does not fit into 64 bits is
// the number next to it that does.
func parseInteger(t scap.ParamType, text string) (literal, error) {
	digits := strings.TrimLeft(text, " \t\n\v\f\r")
	digits, minus := strings.CutPrefix(digits, "-")
	if !minus {
		digits = strings.TrimPrefix(digits, "+")
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return literal{}, fmt.Errorf("%s is not a valid number", text)
	}
	// Out of range it is the greatest number, which is what is wanted.
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case classOf(t) == classSigned && minus:
		n = -min(n, 1<<63)
	case classOf(t) == classSigned:
		n = min(n, math.MaxInt64)
	case minus && err == nil:
		n = -n
	}
	return literal{n: narrow(t, n)}, nil
}

// narrow cuts n to the width of t and extends its sign, so that it compares
// with what a field of the type yields.
func narrow(t scap.ParamType, n uint64) uint64 {
	width, fixed := t.Width()
	if !fixed || width >= 8 {
		return n
	}
	shift := uint(64 - 8*width)
	if classOf(t) == classSigned {
		return uint64(int64(n<<shift) >> shift)
	}
	return n << shift >> shift
}

func parsePort(text string) (literal, error) {
	if text == "" {
		return literal{}, nil
	}
	if strings.Trim(text, "0123456789") == "" {
		if _, err := strconv.ParseInt(text, 10, 32); err != nil {
			return literal{}, fmt.Errorf("%s is not a valid port", text)
		}
		return parseInteger(scap.PTPort, text)
	}
	if port, ok := fields.ServicePort(text); ok {
		return literal{n: uint64(port)}, nil
	}
	return literal{}, fmt.Errorf("%s is neither a port number nor the name of a known service", text)
}

// parseAddr decides by the dot which family is meant, as the reference does.
func parseAddr(text string) (literal, error) {
	a, err := netip.ParseAddr(text)
	if strings.Contains(text, ".") {
		if err != nil || !a.Is4() {
			return literal{}, fmt.Errorf("unrecognized IPv4 address %s", text)
		}
	} else if err != nil || !a.Is6() || a.Zone() != "" {
		return literal{}, fmt.Errorf("unrecognized IPv6 address %s", text)
	}
	return literal{s: string(a.AsSlice())}, nil
}

// parseNet reads an address and the length of its prefix, a number that is cut
// to eight bits. As in the reference "::/0" is none, unlike "0.0.0.0/0".
func parseNet(text string) (literal, error) {
	refused := fmt.Errorf("unrecognized IP network %s", text)
	addr, length, ok := strings.Cut(text, "/")
	l, err := parseAddr(addr)
	if !ok || err != nil {
		return literal{}, refused
	}
	bits, err := parseInteger(scap.PTUint8, length)
	if err != nil || bits.n > uint64(8*len(l.s)) || bits.n == 0 && len(l.s) == 16 {
		return literal{}, refused
	}
	a, _ := netip.AddrFromSlice([]byte(l.s))
	return literal{net: netip.PrefixFrom(a, int(bits.n)).Masked()}, nil
}
