// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestInterfacesAreThoseOfTheHost(t *testing.T) {
	got, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	want, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d interfaces, want %d", len(got), len(want))
	}
	byIndex := map[int]Interface{}
	for _, i := range got {
		byIndex[i.Index] = i
	}
	for _, w := range want {
		g := byIndex[w.Index]
		if g.Name != w.Name || g.Up != (w.Flags&net.FlagUp != 0) {
			t.Errorf("%+v, want %+v", g, w)
		}
		addrs, err := w.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		for _, a := range g.Addrs {
			have[a.Prefix.String()] = true
		}
		for _, a := range addrs {
			if !have[a.String()] {
				t.Errorf("%s lacks %v: %+v", w.Name, a, g.Addrs)
			}
		}
	}
}

func TestAddressesAreTaken(t *testing.T) {
	ipnet := func(text string) *net.IPNet {
		ip, n, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		return &net.IPNet{IP: ip, Mask: n.Mask}
	}
	for _, c := range []struct {
		name            string
		in              netlink.Addr
		prefix          string
		broadcast, peer string
	}{
		{"with broadcast", netlink.Addr{IPNet: ipnet("10.1.2.3/24"), Broadcast: net.ParseIP("10.1.2.255")}, "10.1.2.3/24", "10.1.2.255", ""},
		{"its own peer is none", netlink.Addr{IPNet: ipnet("10.1.2.3/24"), Peer: ipnet("10.1.2.3/24")}, "10.1.2.3/24", "", ""},
		{"point to point", netlink.Addr{IPNet: ipnet("10.0.0.1/32"), Peer: ipnet("10.0.0.2/32")}, "10.0.0.1/32", "", "10.0.0.2"},
		{"IPv6", netlink.Addr{IPNet: ipnet("fe80::1/64")}, "fe80::1/64", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := interfaceAddr(&c.in)
			addr := func(text string) netip.Addr {
				a, _ := netip.ParseAddr(text)
				return a
			}
			if !ok || got.Prefix.String() != c.prefix || got.Broadcast != addr(c.broadcast) || got.Peer != addr(c.peer) {
				t.Errorf("%+v, %v", got, ok)
			}
		})
	}
	if _, ok := interfaceAddr(&netlink.Addr{}); ok {
		t.Error("an address of nothing is taken")
	}
}

func TestSpeedsAreInBitsPerSecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "speed")
	for text, want := range map[string]uint64{"1000\n": 1e9, "-1\n": 0, "": 0, "fast\n": 0} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := linkSpeed(path); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got := linkSpeed(path + "x"); got != 0 {
		t.Errorf("no file: %d", got)
	}
}
