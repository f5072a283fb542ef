// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"strconv"
)

// fillLocal replaces an unspecified local address by the one that is probably
// used to talk to remote.
func (e *Engine) fillLocal(local *[16]byte, remote [16]byte, v6 bool) {
	if *local != [16]byte{} || remote == [16]byte{} {
		return
	}
	if a := toAddr(remote, v6); a.IsLoopback() {
		*local = remote
		if a.Is4() && !v6 {
			*local = [16]byte{127, 0, 0, 1} // also for the rest of 127/8
		}
		return
	}
	e.refreshAddrs()
	for _, a := range e.addrList {
		if a.Is4() == !v6 && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			b := a.As16()
			if !v6 {
				copy(local[:], b[12:])
			} else {
				*local = b
			}
			return
		}
	}
}

// unmap turns an IPv6 socket that speaks IPv4 into what it is for its peer.
func unmap(f *FD) {
	if !f.V6 {
		return
	}
	src, dst := netip.AddrFrom16(f.SrcIP), netip.AddrFrom16(f.DstIP)
	server := f.IsServer()
	if !dst.Is4In6() || (!src.Is4In6() && !server) {
		return
	}
	f.V6 = false
	f.Type = FDIPv4
	if server {
		f.Type = FDIPv4Server
	}
	f.SrcIP, f.DstIP = unmapped(src), unmapped(dst)
}

func unmapped(a netip.Addr) (ip [16]byte) {
	if a.Is4In6() {
		b := a.As16()
		copy(ip[:], b[12:])
	}
	return ip
}

// socketName returns "a:p->b:p", or "a:p" for a bound socket.
func (e *Engine) socketName(f *FD) string {
	b := e.enc[:0]
	if !f.IsServer() {
		b = appendEnd(b, f.SrcIP, f.V6, f.SrcPort)
		b = append(b, "->"...)
	}
	b = appendEnd(b, f.DstIP, f.V6, f.DstPort)
	e.enc = b
	return e.text(b)
}

func appendEnd(b []byte, ip [16]byte, v6 bool, port uint16) []byte {
	if v6 {
		b = netip.AddrFrom16(ip).AppendTo(b)
	} else {
		b = netip.AddrFrom4([4]byte(ip[:4])).AppendTo(b)
	}
	b = append(b, ':')
	return strconv.AppendUint(b, uint64(port), 10)
}

// unixName returns "src->dst path" with kernel addresses in hexadecimal.
func (e *Engine) unixName(src, dst uint64, path []byte) string {
	b := strconv.AppendUint(e.enc[:0], src, 16)
	b = append(b, "->"...)
	b = strconv.AppendUint(b, dst, 16)
	if len(path) > 0 {
		b = append(append(b, ' '), path...)
	}
	e.enc = b
	return e.text(b)
}
