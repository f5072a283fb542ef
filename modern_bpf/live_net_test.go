// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// rawAddr returns the bytes of a struct sockaddr_in or sockaddr_in6.
func rawAddr(ap netip.AddrPort) []byte {
	b := make([]byte, 2, 28)
	port := binary.BigEndian.AppendUint16(nil, ap.Port())
	if ap.Addr().Is4() {
		binary.NativeEndian.PutUint16(b, unix.AF_INET)
		b = append(append(b, port...), ap.Addr().AsSlice()...)
		return append(b, make([]byte, 8)...)
	}
	binary.NativeEndian.PutUint16(b, unix.AF_INET6)
	b = append(append(b, port...), 0, 0, 0, 0)
	return append(append(b, ap.Addr().AsSlice()...), 0, 0, 0, 0)
}

// wireEnd is an address and a port as a tuple carries them.
func wireEnd(ap netip.AddrPort) []byte {
	return binary.LittleEndian.AppendUint16(ap.Addr().AsSlice(), ap.Port())
}

func family(ap netip.AddrPort) byte {
	if ap.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func wireAddr(ap netip.AddrPort) []byte { return append([]byte{family(ap)}, wireEnd(ap)...) }

func wireTuple(src, dst netip.AddrPort) []byte {
	return append(append([]byte{family(src)}, wireEnd(src)...), wireEnd(dst)...)
}

func localOf(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	t.Fatalf("unexpected address %v", sa)
	return netip.AddrPort{}
}

func TestLiveInetSockets(t *testing.T) {
	d := running(t, Options{}, scap.SCSocket, scap.SCBind, scap.SCListen, scap.SCConnect, scap.SCAccept, scap.SCAccept4, scap.SCSendto, scap.SCRecvfrom)
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			any := netip.AddrPortFrom(netip.MustParseAddr(host), 0)
			dom := uintptr(family(any))

			tid, fd := call(unix.SYS_SOCKET, dom, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
			if fd < 0 {
				t.Skipf("no such sockets here: %v", unix.Errno(-fd))
			}
			check(t, await(t, d, scap.EvSocketX, byTID(tid)), params{
				"fd": fd, "domain": dom, "type": unix.SOCK_STREAM | unix.SOCK_CLOEXEC, "proto": unix.IPPROTO_TCP, "flags": scap.FileFlagsOCloexec,
			})
			listener := uintptr(fd)

			raw := rawAddr(any)
			tid, ret := call(unix.SYS_BIND, listener, block(raw...), uintptr(len(raw)))
			check(t, await(t, d, scap.EvBindX, byTID(tid)), params{"res": ret, "fd": listener, "addr": wireAddr(any)})
			if ret != 0 {
				t.Skipf("cannot bind %s here: %v", host, unix.Errno(-ret))
			}
			server := localOf(t, int(listener))

			tid, ret = call(unix.SYS_LISTEN, listener, 5)
			check(t, await(t, d, scap.EvListenX, byTID(tid)), params{"res": ret, "fd": listener, "backlog": 5})

			_, fd = call(unix.SYS_SOCKET, dom, unix.SOCK_STREAM, 0)
			client := uintptr(fd)
			raw = rawAddr(server)
			tid, ret = call(unix.SYS_CONNECT, client, block(raw...), uintptr(len(raw)))
			peer := localOf(t, int(client))
			check(t, await(t, d, scap.EvConnectX, byTID(tid)), params{
				"res": ret, "tuple": wireTuple(peer, server), "fd": client, "addr": wireAddr(server),
			})

			tid, fd = call(unix.SYS_ACCEPT4, listener, 0, 0, unix.SOCK_NONBLOCK)
			check(t, await(t, d, scap.EvAccept4V6X, byTID(tid)), params{
				"fd": fd, "tuple": wireTuple(peer, server), "queuepct": 0, "queuelen": 0, "queuemax": 5, "flags": scap.FileFlagsONonblock,
			})

			msg := []byte("hello")
			tid, ret = call(unix.SYS_SENDTO, client, block(msg...), uintptr(len(msg)), 0, 0, 0)
			check(t, await(t, d, scap.EvSendtoX, byTID(tid)), params{
				"res": ret, "data": msg, "fd": client, "size": len(msg), "tuple": wireTuple(peer, server),
			})
			in := make([]byte, 100)
			keep(in)
			tid, ret = call(unix.SYS_RECVFROM, uintptr(fd), address(in), 100, 0, 0, 0)
			check(t, await(t, d, scap.EvRecvfromX, byTID(tid)), params{
				"res": ret, "data": msg, "tuple": wireTuple(peer, server), "fd": fd, "size": 100,
			})

			// Nobody waits now: the listener goes, the address refuses.
			unix.Close(int(listener))
			_, fd = call(unix.SYS_SOCKET, dom, unix.SOCK_STREAM, 0)
			tid, _ = call(unix.SYS_CONNECT, uintptr(fd), block(raw...), uintptr(len(raw)))
			check(t, await(t, d, scap.EvConnectX, byTID(tid)), params{
				"res": -int(unix.ECONNREFUSED), "tuple": empty, "fd": fd, "addr": wireAddr(server),
			})
			tid, _ = call(unix.SYS_ACCEPT, uintptr(fd), 0, 0)
			check(t, await(t, d, scap.EvAcceptV5X, byTID(tid)), params{
				"fd": -int(unix.EINVAL), "tuple": empty, "queuepct": 0, "queuelen": 0, "queuemax": 0,
			})
			unix.Close(int(fd))
			unix.Close(int(client))
		})
	}
}

// A datagram socket knows no peer: the address of the call fills the tuple.
func TestLiveDatagramDestination(t *testing.T) {
	d := running(t, Options{}, scap.SCSendto)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort("127.0.0.1:9")
	raw, msg := rawAddr(to), []byte("x")
	tid, ret := call(unix.SYS_SENDTO, uintptr(fd), block(msg...), 1, 0, block(raw...), uintptr(len(raw)))
	check(t, await(t, d, scap.EvSendtoX, byTID(tid)), params{
		"res": ret, "data": msg, "fd": fd, "size": 1, "tuple": wireTuple(localOf(t, fd), to),
	})
}

func TestLiveUnixSockets(t *testing.T) {
	d := running(t, Options{}, scap.SCBind, scap.SCConnect, scap.SCAccept4, scap.SCSocketpair)
	path := filepath.Join(t.TempDir(), "s")
	raw := append([]byte{unix.AF_UNIX, 0}, append([]byte(path), 0)...)
	server, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	client, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	defer unix.Close(server)
	defer unix.Close(client)
	wire := append(append([]byte{unix.AF_UNIX}, path...), 0)

	tid, ret := call(unix.SYS_BIND, uintptr(server), block(raw...), uintptr(len(raw)))
	check(t, await(t, d, scap.EvBindX, byTID(tid)), params{"res": ret, "fd": server, "addr": wire})
	if err := unix.Listen(server, 1); err != nil {
		t.Fatal(err)
	}
	var near, far uint64
	tid, ret = call(unix.SYS_CONNECT, uintptr(client), block(raw...), uintptr(len(raw)))
	check(t, await(t, d, scap.EvConnectX, byTID(tid)), params{
		"res": ret, "fd": client, "addr": wire,
		"tuple": func(ev *scap.Event, i int) string {
			return unixTuple(ev.Param(i), path, &near, &far)
		},
	})
	tid, fd := call(unix.SYS_ACCEPT4, uintptr(server), 0, 0, 0)
	check(t, await(t, d, scap.EvAccept4V6X, byTID(tid)), params{
		"fd": fd, "queuepct": 0, "queuelen": 0, "queuemax": 1, "flags": 0,
		"tuple": func(ev *scap.Event, i int) string {
			var from, to uint64
			if bad := unixTuple(ev.Param(i), path, &from, &to); bad != "" {
				return bad
			}
			if from != near || to != far {
				return fmt.Sprintf("%#x->%#x, but connect told %#x->%#x", from, to, near, far)
			}
			return ""
		},
	})

	abstract := append([]byte{unix.AF_UNIX, 0, 0}, "tiercel-test"...)
	tid, _ = call(unix.SYS_CONNECT, uintptr(client), block(abstract...), uintptr(len(abstract)))
	check(t, await(t, d, scap.EvConnectX, byTID(tid)), params{
		"res": -int(unix.ECONNREFUSED), "tuple": empty, "fd": client,
		"addr": append(append([]byte{unix.AF_UNIX}, "tiercel-test"...), 0),
	})

	pair := make([]int32, 2)
	keep(pair)
	tid, _ = call(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_DGRAM, 0, address(pair))
	check(t, await(t, d, scap.EvSocketpairX, byTID(tid)), params{
		"res": 0, "fd1": pair[0], "fd2": pair[1], "source": pointer, "peer": pointer,
		"domain": unix.AF_UNIX, "type": unix.SOCK_DGRAM, "proto": 0,
	})
	tid, _ = call(unix.SYS_SOCKETPAIR, unix.AF_INET, unix.SOCK_STREAM, 0, address(pair))
	check(t, await(t, d, scap.EvSocketpairX, byTID(tid)), params{
		"res": -int(unix.EOPNOTSUPP), "fd1": -1, "fd2": -1, "source": 0, "peer": 0,
		"domain": unix.AF_INET, "type": unix.SOCK_STREAM, "proto": 0,
	})
}

// pointer expects the address of a kernel object.
func pointer(ev *scap.Event, i int) string {
	if v, _ := ev.Uint(i); v>>63 != 1 {
		return fmt.Sprintf("%#x, want a kernel address", v)
	}
	return ""
}

func unixTuple(b []byte, path string, from, to *uint64) string {
	want := append([]byte(path), 0)
	if len(b) != 17+len(want) || b[0] != unix.AF_UNIX || string(b[17:]) != string(want) {
		return fmt.Sprintf("%q, want a unix tuple with path %q", b, path)
	}
	*from, *to = binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])
	if *from>>63 != 1 || *to>>63 != 1 || *from == *to {
		return fmt.Sprintf("%#x->%#x, want two kernel addresses", *from, *to)
	}
	return ""
}
