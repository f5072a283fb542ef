// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

// Interface is a network interface of the namespace that we run in.
type Interface struct {
	Index int
	Name  string
	Up    bool
	Speed uint64 // bits per second, 0 when the driver does not tell
	Addrs []InterfaceAddr
}

// InterfaceAddr is an address of an interface.
type InterfaceAddr struct {
	Prefix    netip.Prefix // the address itself, with the length of its network
	Broadcast netip.Addr   // not valid where there is none
	Peer      netip.Addr   // far end of a point-to-point link, else not valid
}

// Interfaces returns the network interfaces with their addresses, by index.
// Addresses of interfaces that came meanwhile are left out.
func Interfaces() ([]Interface, error) {
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	out := make([]Interface, 0, len(links))
	for _, l := range links {
		a := l.Attrs()
		out = append(out, Interface{
			Index: a.Index, Name: a.Name,
			Up:    a.RawFlags&1 != 0, // IFF_UP
			Speed: linkSpeed("/sys/class/net/" + a.Name + "/speed"),
		})
	}
	slices.SortFunc(out, func(x, y Interface) int { return cmp.Compare(x.Index, y.Index) })
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list network addresses: %w", err)
	}
	for i := range addrs {
		a := &addrs[i]
		at, found := slices.BinarySearchFunc(out, a.LinkIndex, func(x Interface, index int) int { return cmp.Compare(x.Index, index) })
		if ia, ok := interfaceAddr(a); ok && found {
			out[at].Addrs = append(out[at].Addrs, ia)
		}
	}
	return out, nil
}

func interfaceAddr(a *netlink.Addr) (ia InterfaceAddr, ok bool) {
	if a.IPNet == nil {
		return ia, false
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return ia, false
	}
	bits, _ := a.Mask.Size()
	ia.Prefix = netip.PrefixFrom(ip.Unmap(), bits)
	if b, ok := netip.AddrFromSlice(a.Broadcast); ok {
		ia.Broadcast = b.Unmap()
	}
	if a.Peer != nil {
		if p, ok := netip.AddrFromSlice(a.Peer.IP); ok && p.Unmap() != ia.Prefix.Addr() {
			ia.Peer = p.Unmap()
		}
	}
	return ia, ia.Prefix.IsValid()
}

// linkSpeed reads a speed in Mbit/s. Links that are down, or are not made of
// hardware, have an error or -1 there.
func linkSpeed(path string) uint64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	mbit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || mbit <= 0 {
		return 0
	}
	return uint64(mbit) * 1e6
}
