// SPDX-License-Identifier: Apache-2.0

package scap_test

import (
	"net/netip"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestInternetAddressesAreDecoded(t *testing.T) {
	for _, text := range []string{"10.1.2.3:80", "[2001:db8::1]:65535", "0.0.0.0:0", "[::ffff:1.2.3.4]:53"} {
		a, ok := scap.DecodeSockaddr(scaptest.Sockaddr(text))
		if !ok {
			t.Errorf("%s refused", text)
			continue
		}
		if got := netip.AddrPortFrom(a.Addr(a.Family), a.Port); got != netip.MustParseAddrPort(text) {
			t.Errorf("got %v, want %s", got, text)
		}
	}
}

func TestConnectionsAreDecoded(t *testing.T) {
	for _, c := range []struct{ src, dst, wantSrc string }{
		{"10.0.0.1:4711", "1.1.1.1:53", "10.0.0.1:4711"},
		{"[2001:db8::1]:1", "[2001:db8::2]:2", "[2001:db8::1]:1"},
		{"10.0.0.1:4711", "[::1]:53", "[::ffff:10.0.0.1]:4711"}, // one family for both
	} {
		u, ok := scap.DecodeSocktuple(scaptest.Tuple(c.src, c.dst))
		if !ok {
			t.Fatalf("%v refused", c)
		}
		if got := netip.AddrPortFrom(u.Src.Addr(u.Family), u.Src.Port); got.String() != c.wantSrc {
			t.Errorf("source %v, want %s", got, c.wantSrc)
		}
		if got := netip.AddrPortFrom(u.Dst.Addr(u.Family), u.Dst.Port); got.String() != c.dst {
			t.Errorf("destination %v, want %s", got, c.dst)
		}
	}
}

func TestUnixSocketsAreDecoded(t *testing.T) {
	a, ok := scap.DecodeSockaddr(scaptest.SockaddrUnix("/run/docker.sock"))
	if !ok || string(a.Path) != "/run/docker.sock" || a.Addr(a.Family).IsValid() {
		t.Errorf("address %+v, %v", a, ok)
	}
	u, ok := scap.DecodeSocktuple(scaptest.TupleUnix(0xffff1, 0xffff2, "/run/docker.sock"))
	if !ok || u.Src.Ptr != 0xffff1 || u.Dst.Ptr != 0xffff2 || string(u.Path) != "/run/docker.sock" {
		t.Errorf("tuple %+v, %v", u, ok)
	}
}

func TestOtherFamiliesAreOnlyTheirByte(t *testing.T) {
	if a, ok := scap.DecodeSockaddr([]byte{16}); !ok || a.Family != 16 {
		t.Errorf("%+v, %v", a, ok)
	}
	if u, ok := scap.DecodeSocktuple([]byte{16}); !ok || u.Family != 16 {
		t.Errorf("%+v, %v", u, ok)
	}
}

func TestAddressesCutShortAreRefused(t *testing.T) {
	for _, whole := range [][]byte{scaptest.Sockaddr("1.2.3.4:5"), scaptest.Sockaddr("[::1]:5")} {
		for n := range whole {
			if _, ok := scap.DecodeSockaddr(whole[:n]); ok {
				t.Errorf("%d of %d bytes accepted", n, len(whole))
			}
		}
	}
	for _, whole := range [][]byte{
		scaptest.Tuple("1.2.3.4:5", "1.2.3.4:6"), scaptest.Tuple("[::1]:5", "[::1]:6"),
		scaptest.TupleUnix(1, 2, "")[:17],
	} {
		for n := range whole {
			if _, ok := scap.DecodeSocktuple(whole[:n]); ok {
				t.Errorf("%d of %d bytes accepted", n, len(whole))
			}
		}
	}
}

func TestDecodingAddressesAllocatesNothing(t *testing.T) {
	p := scaptest.Tuple("10.0.0.1:4711", "1.1.1.1:53")
	n := testing.AllocsPerRun(100, func() {
		u, _ := scap.DecodeSocktuple(p)
		sink += uint64(u.Dst.Port)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
