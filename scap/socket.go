// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Address families in the portable encoding of the wire.
const (
	FamilyUnspec uint8 = 0
	FamilyUnix   uint8 = 1
	FamilyINET   uint8 = 2
	FamilyINET6  uint8 = 10
)

// Endpoint is one end of a connection, or what a socket is bound to. Which
// fields count depends on the family.
type Endpoint struct {
	IP   [16]byte // network order; an IPv4 address fills the first four bytes
	Port uint16
	Ptr  uint64 // unix, tuples only: kernel address of the socket
}

// Addr returns the address as a netip value; the zero Addr for other families.
func (e *Endpoint) Addr(family uint8) netip.Addr {
	switch family {
	case FamilyINET:
		return netip.AddrFrom4([4]byte(e.IP[:4]))
	case FamilyINET6:
		return netip.AddrFrom16(e.IP)
	}
	return netip.Addr{}
}

// Sockaddr is a decoded PTSockaddr parameter.
type Sockaddr struct {
	Family uint8
	Endpoint
	Path []byte // unix: without the NUL; borrowed from the event
}

// Socktuple is a decoded PTSocktuple parameter.
type Socktuple struct {
	Family   uint8
	Src, Dst Endpoint
	Path     []byte // unix: without the NUL; borrowed from the event
}

// DecodeSockaddr decodes a PTSockaddr parameter: a family byte, then address
// and port, or a path. An unknown family is only its byte. ok is false for a
// value that is too short for its family.
func DecodeSockaddr(p []byte) (a Sockaddr, ok bool) {
	if len(p) == 0 {
		return a, false
	}
	a.Family = p[0]
	p = p[1:]
	switch a.Family {
	case FamilyINET, FamilyINET6:
		_, ok = a.Endpoint.decode(p, addrLen(a.Family))
		return a, ok
	case FamilyUnix:
		a.Path = cString(p)
	}
	return a, true
}

// DecodeSocktuple decodes a PTSocktuple parameter: a family byte, then source
// and destination, then the path of a unix socket. ok is false for a value
// that is too short for its family.
func DecodeSocktuple(p []byte) (t Socktuple, ok bool) {
	if len(p) == 0 {
		return t, false
	}
	t.Family = p[0]
	p = p[1:]
	switch t.Family {
	case FamilyINET, FamilyINET6:
		n := addrLen(t.Family)
		if p, ok = t.Src.decode(p, n); !ok {
			return t, false
		}
		_, ok = t.Dst.decode(p, n)
		return t, ok
	case FamilyUnix:
		if len(p) < 16 {
			return t, false
		}
		t.Src.Ptr = binary.LittleEndian.Uint64(p)
		t.Dst.Ptr = binary.LittleEndian.Uint64(p[8:])
		t.Path = cString(p[16:])
	}
	return t, true
}

// AppendSockaddr appends the wire form of an internet address.
func AppendSockaddr(dst []byte, a netip.AddrPort) []byte {
	dst = append(dst, familyOf(a.Addr()))
	return appendEnd(dst, a)
}

// AppendSockaddrUnix appends the wire form of a unix address.
func AppendSockaddrUnix(dst []byte, path string) []byte {
	dst = append(dst, FamilyUnix)
	dst = append(dst, path...)
	return append(dst, 0)
}

// AppendSocktuple appends the wire form of an internet connection. Both ends
// must be of one family; an IPv4 end of an IPv6 tuple is written as a mapped
// address.
func AppendSocktuple(dst []byte, src, dest netip.AddrPort) []byte {
	if src.Addr().Is4() != dest.Addr().Is4() {
		src, dest = as6(src), as6(dest)
	}
	dst = append(dst, familyOf(src.Addr()))
	return appendEnd(appendEnd(dst, src), dest)
}

// AppendSocktupleUnix appends the wire form of a unix connection: the kernel
// addresses of both sockets and the path of the one that is bound.
func AppendSocktupleUnix(dst []byte, src, dest uint64, path string) []byte {
	dst = append(dst, FamilyUnix)
	dst = binary.LittleEndian.AppendUint64(dst, src)
	dst = binary.LittleEndian.AppendUint64(dst, dest)
	dst = append(dst, path...)
	return append(dst, 0)
}

func (e *Endpoint) decode(p []byte, n int) (rest []byte, ok bool) {
	if len(p) < n+2 {
		return nil, false
	}
	copy(e.IP[:], p[:n])
	e.Port = binary.LittleEndian.Uint16(p[n:])
	return p[n+2:], true
}

func addrLen(family uint8) int {
	if family == FamilyINET {
		return 4
	}
	return 16
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return FamilyINET
	}
	return FamilyINET6
}

func as6(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

func appendEnd(dst []byte, a netip.AddrPort) []byte {
	dst = append(dst, a.Addr().AsSlice()...)
	return binary.LittleEndian.AppendUint16(dst, a.Port())
}

func cString(p []byte) []byte {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		return p[:i]
	}
	return p
}
