// SPDX-License-Identifier: Apache-2.0

package state

import "net/netip"

// addrsRetry is how long the addresses of the interfaces are taken as they
// were read, in ns of event time.
const addrsRetry = 30e9

// IsLocalAddr reports whether ip (four bytes, or 16 when v6) is an address of
// the host's interfaces, loopback included.
func (e *Engine) IsLocalAddr(ip [16]byte, v6 bool) bool {
	a := toAddr(ip, v6)
	if a.IsLoopback() {
		return true
	}
	e.refreshAddrs()
	_, ok := e.addrs[a]
	return ok
}

// refreshAddrs reads the addresses when they are too old.
func (e *Engine) refreshAddrs() {
	if e.opts.LocalAddrs != nil && (e.addrsTS == 0 || e.due(e.addrsTS)) {
		e.addrsTS = e.clock + addrsRetry
		e.SetLocalAddrs(e.opts.LocalAddrs())
	}
}

// SetLocalAddrs replaces the addresses of the host's interfaces. A capture
// brings those of its own host.
func (e *Engine) SetLocalAddrs(addrs []netip.Addr) {
	clear(e.addrs)
	e.addrList = e.addrList[:0]
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		e.addrs[a] = struct{}{}
		e.addrList = append(e.addrList, a)
	}
}

// toAddr returns the address of an IP socket; a mapped IPv4 address as IPv4.
func toAddr(ip [16]byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(ip).Unmap()
	}
	return netip.AddrFrom4([4]byte(ip[:4]))
}
