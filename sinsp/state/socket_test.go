// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

const (
	afUnix  = 1
	afINET  = 2
	afINET6 = 10
)

func (h *host) socket(fd int64, domain, typ int) {
	h.t.Helper()
	h.play(scap.EvSocketX, 100, p{"fd": fd, "domain": domain, "type": typ, "proto": 0, "flags": 0})
}

func sock(t *testing.T, f *FD, typ FDType, l4 L4, role Role) {
	t.Helper()
	equal(t, "type", f.Type, typ)
	equal(t, "transport", f.L4, l4)
	equal(t, "role", f.Role, role)
}

func TestTCPClient(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET, sockStream|sockCloexec)
	f := h.fd(100, 3, "")
	sock(t, f, FDIPv4, L4TCP, RoleNone)
	equal(t, "close-on-exec of the type", f.Flags, OpenCloexec)
	ev := h.play(scap.EvConnectX, 100, p{"res": -errInProgress, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:4711", "1.2.3.4:443"), "addr": scaptest.Sockaddr("1.2.3.4:443")})
	equal(t, "name changed", ev.FDNameChanged(), true)
	f = h.fd(100, 3, "10.0.0.2:4711->1.2.3.4:443")
	sock(t, f, FDIPv4, L4TCP, RoleClient)
	equal(t, "pending", f.Pending, true)
	ev = h.play(scap.EvSendtoX, 100, p{"res": 5, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:4711", "1.2.3.4:443")})
	equal(t, "name changed", ev.FDNameChanged(), false)
	equal(t, "connected", ev.FD.Connected, true)
	equal(t, "ports", [2]uint16{ev.FD.SrcPort, ev.FD.DstPort}, [2]uint16{4711, 443})
	equal(t, "destination", [4]byte(ev.FD.DstIP[:4]), [4]byte{1, 2, 3, 4})
}

func TestClientWithAPortOfItsChoice(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET, sockStream)
	h.play(scap.EvBindX, 100, p{"res": 0, "fd": 3, "addr": scaptest.Sockaddr("10.0.0.2:4711")})
	h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:4711", "1.2.3.4:443")})
	f := h.fd(100, 3, "10.0.0.2:4711->1.2.3.4:443")
	sock(t, f, FDIPv4, L4TCP, RoleClient)
	equal(t, "ports", [2]uint16{f.SrcPort, f.DstPort}, [2]uint16{4711, 443})
}

func TestFailedConnectLeavesTheSocket(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET, sockStream)
	ev := h.play(scap.EvConnectX, 100, p{"res": -111, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:4711", "1.2.3.4:443")})
	equal(t, "error", ev.ErrNo, 111)
	sock(t, h.fd(100, 3, ""), FDIPv4, L4TCP, RoleNone)
	equal(t, "failed", ev.FD.Failed, true)
	equal(t, "connected", ev.FD.Connected, false)
}

func TestInterruptedConnectGoesOn(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET, sockStream)
	ev := h.play(scap.EvConnectX, 100, p{"res": -errRestart, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:4711", "1.2.3.4:443")})
	equal(t, "failed", ev.FD.Failed, false)
	equal(t, "pending", ev.FD.Pending, true)
}

func TestConnectAddressOfTheEnterEvent(t *testing.T) {
	enter := func(h *host) {
		h.play(scap.EvConnectE, 100, p{"fd": 3, "addr": scaptest.Sockaddr("6.6.6.6:666")})
	}
	t.Run("replaces what came from user memory", func(t *testing.T) {
		h := newHost(t)
		h.socket(3, afINET, sockDgram)
		enter(h)
		h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:1", "8.8.8.8:53"), "addr": scaptest.Sockaddr("8.8.8.8:53")})
		h.fd(100, 3, "10.0.0.2:1->6.6.6.6:666")
	})
	t.Run("not what came from the socket", func(t *testing.T) {
		h := newHost(t)
		h.socket(3, afINET, sockStream)
		enter(h)
		h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:1", "6.6.6.6:666"), "addr": scaptest.Sockaddr("8.8.8.8:53")})
		h.fd(100, 3, "10.0.0.2:1->6.6.6.6:666")
	})
	t.Run("stands alone", func(t *testing.T) {
		h := newHostWith(t, Options{})
		h.e.SetLocalAddrs([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.9")})
		h.socket(3, afINET, sockStream)
		enter(h)
		h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3})
		h.fd(100, 3, "10.0.0.9:0->6.6.6.6:666")
	})
}

func TestTCPServer(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET, sockStream)
	ev := h.play(scap.EvBindX, 100, p{"res": 0, "fd": 3, "addr": scaptest.Sockaddr("0.0.0.0:80")})
	equal(t, "name during bind", ev.FD.Name, "0.0.0.0:80")
	f := h.fd(100, 3, "0.0.0.0:80")
	sock(t, f, FDIPv4Server, L4TCP, RoleServer)
	equal(t, "port", f.DstPort, 80)
	h.play(scap.EvListenX, 100, p{"res": 0, "fd": 3, "backlog": 5})
	h.fd(100, 3, "0.0.0.0:80")
	ev = h.play(scap.EvAccept4V6X, 100, p{"fd": 4, "tuple": scaptest.Tuple("9.9.9.9:5555", "10.0.0.2:80"), "flags": sockCloexec})
	f = h.fd(100, 4, "9.9.9.9:5555->10.0.0.2:80")
	equal(t, "event's descriptor", ev.FD, f)
	sock(t, f, FDIPv4, L4TCP, RoleServer)
	equal(t, "flags", f.Flags, OpenCloexec)
	equal(t, "connected", f.Connected, true)
}

func TestListenWithoutBind(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET6, sockStream)
	h.play(scap.EvBindX, 100, p{"res": 0, "fd": 3, "addr": scaptest.Sockaddr("[::]:0")})
	h.play(scap.EvListenX, 100, p{"res": 0, "fd": 3, "backlog": 5})
	sock(t, h.thread(100).FDs().Get(3), FDIPv6Server, L4TCP, RoleServer)
}

func TestIPv6(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET6, sockStream)
	h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("[fe80::1]:10", "[2001:db8::2]:443")})
	f := h.fd(100, 3, "fe80::1:10->2001:db8::2:443")
	equal(t, "V6", f.V6, true)
	// IPv4 through an IPv6 socket is IPv4.
	h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("[::ffff:10.0.0.1]:10", "[::ffff:1.2.3.4]:443")})
	f = h.fd(100, 3, "10.0.0.1:10->1.2.3.4:443")
	sock(t, f, FDIPv4, L4TCP, RoleClient)
	equal(t, "V6", f.V6, false)
	h.socket(4, afINET6, sockStream)
	h.play(scap.EvBindX, 100, p{"res": 0, "fd": 4, "addr": scaptest.Sockaddr("[::ffff:10.0.0.1]:8080")})
	sock(t, h.fd(100, 4, "10.0.0.1:8080"), FDIPv4Server, L4TCP, RoleServer)
	h.socket(5, afINET6, sockStream)
	h.play(scap.EvBindX, 100, p{"res": 0, "fd": 5, "addr": scaptest.Sockaddr("[::]:8080")})
	sock(t, h.fd(100, 5, ":::8080"), FDIPv6Server, L4TCP, RoleServer)
}

func TestUDP(t *testing.T) {
	t.Run("client asks", func(t *testing.T) {
		h := newHost(t)
		h.socket(3, afINET, sockDgram)
		h.play(scap.EvSendtoX, 100, p{"res": 30, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:5000", "8.8.8.8:53")})
		sock(t, h.fd(100, 3, "10.0.0.2:5000->8.8.8.8:53"), FDIPv4, L4UDP, RoleClient)
		// The answer does not turn it round.
		ev := h.play(scap.EvRecvfromX, 100, p{"res": 60, "fd": 3, "tuple": scaptest.Tuple("8.8.8.8:53", "10.0.0.2:5000")})
		h.fd(100, 3, "10.0.0.2:5000->8.8.8.8:53")
		equal(t, "name changed", ev.FDNameChanged(), false)
		// Another server on the same socket.
		h.play(scap.EvSendtoX, 100, p{"res": 30, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:5000", "1.1.1.1:53")})
		h.fd(100, 3, "10.0.0.2:5000->1.1.1.1:53")
	})
	t.Run("server is asked", func(t *testing.T) {
		h := newHost(t)
		h.socket(3, afINET, sockDgram)
		h.play(scap.EvBindX, 100, p{"res": 0, "fd": 3, "addr": scaptest.Sockaddr("0.0.0.0:53")})
		h.play(scap.EvRecvfromX, 100, p{"res": 30, "fd": 3, "tuple": scaptest.Tuple("9.9.9.9:7", "10.0.0.2:53")})
		sock(t, h.fd(100, 3, "9.9.9.9:7->10.0.0.2:53"), FDIPv4, L4UDP, RoleServer)
		h.play(scap.EvSendtoX, 100, p{"res": 30, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:53", "9.9.9.9:7")})
		h.fd(100, 3, "9.9.9.9:7->10.0.0.2:53")
	})
	t.Run("connected server", func(t *testing.T) {
		h := newHost(t)
		h.socket(3, afINET, sockDgram)
		h.play(scap.EvBindX, 100, p{"res": 0, "fd": 3, "addr": scaptest.Sockaddr("0.0.0.0:53")})
		h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:53", "9.9.9.9:7")})
		h.fd(100, 3, "9.9.9.9:7->10.0.0.2:53")
	})
	t.Run("socket whose creation was lost", func(t *testing.T) {
		h := newHost(t)
		h.play(scap.EvSendmsgX, 100, p{"res": 30, "fd": 9, "tuple": scaptest.Tuple("10.0.0.2:5000", "8.8.8.8:53")})
		sock(t, h.fd(100, 9, "10.0.0.2:5000->8.8.8.8:53"), FDIPv4, L4UDP, RoleClient)
	})
	t.Run("own address not known", func(t *testing.T) {
		h := newHost(t)
		h.e.SetLocalAddrs([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.9")})
		h.socket(3, afINET, sockDgram)
		h.play(scap.EvSendtoX, 100, p{"res": 30, "fd": 3, "tuple": scaptest.Tuple("0.0.0.0:5000", "8.8.8.8:53")})
		h.fd(100, 3, "10.0.0.9:5000->8.8.8.8:53")
		h.play(scap.EvSendtoX, 100, p{"res": 30, "fd": 3, "tuple": scaptest.Tuple("0.0.0.0:5000", "127.0.0.53:53")})
		h.fd(100, 3, "127.0.0.1:5000->127.0.0.53:53")
	})
	t.Run("sender not asked for", func(t *testing.T) {
		h := newHost(t)
		h.socket(3, afINET, sockDgram)
		h.play(scap.EvBindX, 100, p{"res": 0, "fd": 3, "addr": scaptest.Sockaddr("127.0.0.1:0")})
		h.play(scap.EvRecvfromX, 100, p{"res": 3, "fd": 3, "tuple": scaptest.Tuple("0.0.0.0:0", "127.0.0.1:4444")})
		sock(t, h.fd(100, 3, "0.0.0.0:0->127.0.0.1:4444"), FDIPv4, L4UDP, RoleServer)
		h.socket(4, afINET, sockDgram)
		h.play(scap.EvSendtoX, 100, p{"res": 3, "fd": 4, "tuple": scaptest.Tuple("10.0.0.2:5000", "8.8.8.8:53")})
		h.play(scap.EvRecvfromX, 100, p{"res": 3, "fd": 4, "tuple": scaptest.Tuple("0.0.0.0:0", "10.0.0.2:5000")})
		sock(t, h.fd(100, 4, "10.0.0.2:5000->8.8.8.8:53"), FDIPv4, L4UDP, RoleClient)
	})
}

func TestUnixSockets(t *testing.T) {
	h := newHost(t)
	h.socket(3, afUnix, sockStream)
	h.play(scap.EvConnectX, 100, p{"res": 0, "fd": 3, "tuple": scaptest.TupleUnix(0xffff8800, 0xabc, "/run/docker.sock")})
	f := h.fd(100, 3, "ffff8800->abc /run/docker.sock")
	sock(t, f, FDUnix, L4Unknown, RoleClient)
	h.socket(4, afUnix, sockStream)
	h.play(scap.EvBindX, 100, p{"res": 0, "fd": 4, "addr": scaptest.SockaddrUnix("/run/my.sock")})
	sock(t, h.fd(100, 4, "/run/my.sock"), FDUnix, L4Unknown, RoleServer)
	h.play(scap.EvAcceptV5X, 100, p{"fd": 5, "tuple": scaptest.TupleUnix(1, 2, "/run/my.sock")})
	sock(t, h.fd(100, 5, "1->2 /run/my.sock"), FDUnix, L4Unknown, RoleServer)
	ev := h.play(scap.EvSocketpairX, 100, p{"res": 0, "fd1": 6, "fd2": 7, "source": 0x10, "peer": 0x20, "domain": 1, "type": 1})
	equal(t, "event's number", ev.FDNum, 7)
	h.fd(100, 6, "10->20")
	h.fd(100, 7, "10->20")
}

func TestChildHasItsOwnViewOfASocket(t *testing.T) {
	h := newHost(t)
	h.socket(3, afINET, sockDgram)
	h.clone(100, 200, 0)
	h.play(scap.EvConnectX, 200, p{"res": 0, "fd": 3, "tuple": scaptest.Tuple("10.0.0.2:1", "8.8.8.8:53")})
	h.fd(200, 3, "10.0.0.2:1->8.8.8.8:53")
	h.fd(100, 3, "")
}

func TestAcceptWithoutAddressForgetsTheFormerDescriptor(t *testing.T) {
	h := newHost(t)
	h.open(100, 4, "/stale", OpenRead)
	h.play(scap.EvAcceptV5X, 100, p{"fd": 4})
	h.fd(100, 4, "-")
}

func TestTransport(t *testing.T) {
	tests := []struct {
		typ, proto uint64
		want       L4
	}{
		{sockStream, 0, L4TCP}, {sockDgram, 0, L4UDP}, {sockDgram | sockCloexec, 0, L4UDP}, {sockStream, protoTCP, L4TCP},
		{sockRaw, protoICMP, L4ICMP}, {sockRaw, protoRaw, L4Raw}, {sockRaw, protoICMPv6, L4ICMP}, {sockRaw, 89, L4Raw},
		{sockStream, 132, L4Unknown},
	}
	for _, tt := range tests {
		equal(t, "transport", transport(tt.typ, tt.proto), tt.want)
	}
}

func TestLocalAddresses(t *testing.T) {
	reads := 0
	h := newHostWith(t, Options{LocalAddrs: func() []netip.Addr {
		reads++
		return []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("fe80::1%eth0")}
	}})
	local := func(s string) bool {
		a := netip.MustParseAddr(s)
		var ip [16]byte
		copy(ip[:], a.AsSlice())
		return h.e.IsLocalAddr(ip, a.Is6())
	}
	for addr, want := range map[string]bool{
		"10.0.0.9": true, "10.0.0.8": false, "127.0.0.2": true, "::1": true, "fe80::1": true, "fe80::2": false, "::ffff:10.0.0.9": true,
	} {
		equal(t, addr, local(addr), want)
	}
	equal(t, "readings of the interfaces", reads, 1)
	h.ts += addrsRetry
	h.tick()
	local("10.0.0.9")
	equal(t, "readings when they are old", reads, 2)
}

func TestOutcomeOfAConnectionThatIsAskedFor(t *testing.T) {
	tests := []struct {
		name                       string
		level, option              int
		errno                      byte
		connected, pending, failed bool
	}{
		{"it succeeded", 1, scap.SockoptOptionsSoError, 0, true, false, false},
		{"it failed", 1, scap.SockoptOptionsSoError, 111, false, false, true},
		{"another option", 1, scap.SockoptOptionsSoError + 1, 0, false, true, false},
		{"another level", 6, scap.SockoptOptionsSoError, 0, false, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.play(scap.EvSocketX, 100, p{"fd": 4, "domain": 2, "type": 1, "proto": 0, "flags": 0})
			h.play(scap.EvConnectX, 100, p{"res": -errInProgress, "fd": 4, "tuple": scaptest.Tuple("10.0.0.1:4000", "10.0.0.2:80")})
			val := []byte{1, tt.errno, 0, 0, 0, 0, 0, 0, 0}
			f := h.play(scap.EvGetsockoptX, 100, p{"res": 0, "fd": 4, "level": tt.level, "optname": tt.option, "val": val, "optlen": 4}).FD
			equal(t, "connected", f.Connected, tt.connected)
			equal(t, "pending", f.Pending, tt.pending)
			equal(t, "failed", f.Failed, tt.failed)
		})
	}
}

func TestSocketsOfOtherFamiliesAreUnknownHoweverTheyWereFound(t *testing.T) {
	h := newHostWith(t, Options{Proc: &fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init")}, fds: map[int64]procfs.FD{
		5: {Num: 5, Type: procfs.FDUnsupported, Name: "socket:[77]"},
		6: {Num: 6, Type: procfs.FDUnsupported, Name: "anon_inode:[fanotify]"},
	}}})
	h.play(scap.EvSocketX, 100, p{"fd": 4, "domain": 17, "type": 3, "proto": 0, "flags": 0})
	equal(t, "made", h.fd(100, 4, "").Type, FDUnknown)
	h.e.receiveFD(h.thread(100), 5)
	equal(t, "found", h.fd(100, 5, "socket:[77]").Type, FDUnknown)
	h.e.receiveFD(h.thread(100), 6)
	equal(t, "no socket", h.fd(100, 6, "anon_inode:[fanotify]").Type, FDUnsupported)
	for _, f := range h.e.Tables().Threads[1].FDs {
		equal(t, "in a capture", f.Type, procfs.FDUnsupported)
	}
}
