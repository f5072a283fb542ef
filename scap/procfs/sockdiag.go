// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The kernel tells TCP and UDP sockets by netlink (sock_diag(7)) as numbers,
// which is several times cheaper than printing and parsing them as text. It
// tells those of the network namespace that the netlink socket was made in.
// The other tables are read as text: netlink knows no more of them, and of
// unix sockets less, as it does not tell their addresses in the kernel.

// diagProtocols are the tables that netlink replaces, as in inetTables.
var diagProtocols = map[L4]uint8{L4TCP: unix.IPPROTO_TCP, L4UDP: unix.IPPROTO_UDP}

// Layouts of linux/inet_diag.h: struct inet_diag_req_v2 and inet_diag_msg.
const (
	diagRequestSize = 56
	diagMessageSize = 72

	diagOffFamily = 0
	diagOffState  = 1
	diagOffPorts  = 4 // source and destination, big endian
	diagOffSrc    = 8
	diagOffDst    = 24
	diagOffInode  = 68
)

// diagRequest asks for all sockets of a protocol and a family.
type diagRequest struct{ family, protocol uint8 }

func (diagRequest) Len() int { return diagRequestSize }

func (q diagRequest) Serialize() []byte {
	b := make([]byte, diagRequestSize)
	b[0], b[1] = q.family, q.protocol
	binary.NativeEndian.PutUint32(b[4:], ^uint32(0)) // in any state
	return b
}

// diag is a netlink socket in one network namespace.
type diag struct{ sockets map[int]*nl.SocketHandle }

// openDiag opens a netlink socket in the namespace of the process in d. A
// thread enters the namespace for it and ends there: there is no way back that
// could fail.
func openDiag(d dir, own bool) (*diag, error) {
	if own {
		s, err := diagSocket()
		return newDiag(s), err
	}
	ns, err := unix.Openat(int(d), "ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(ns)
	var s *nl.NetlinkSocket
	onDyingThread(func() {
		if err = unix.Setns(ns, unix.CLONE_NEWNET); err == nil {
			s, err = diagSocket()
		}
	})
	return newDiag(s), err
}

// onDyingThread runs fn on a thread that ends afterwards. The main thread
// cannot end, and what it is in is taken for what the process is in: when it
// comes up, it is held until another one is done.
func onDyingThread(fn func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with us
		if unix.Gettid() == unix.Getpid() {
			onDyingThread(fn)
			runtime.UnlockOSThread()
		} else {
			fn()
		}
		close(done)
	}()
	<-done
}

func newDiag(s *nl.NetlinkSocket) *diag {
	if s == nil {
		return nil
	}
	return &diag{map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: {Socket: s}}}
}

// diagSocket opens a netlink socket in the namespace of the calling thread. A
// kernel that does not answer must not hold us.
func diagSocket() (*nl.NetlinkSocket, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, err
	}
	limit := unix.Timeval{Sec: 5}
	if err := s.SetReceiveTimeout(&limit); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (q *diag) close() { q.sockets[unix.NETLINK_INET_DIAG].Close() }

// read adds the sockets of a protocol and family to t. Sockets that come and
// go meanwhile may be there or not, as in the text.
func (q *diag) read(t *socketTable, l4 L4, v6 bool) error {
	request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
	request.Sockets = q.sockets
	family := uint8(unix.AF_INET)
	if v6 {
		family = unix.AF_INET6
	}
	request.AddData(diagRequest{family, diagProtocols[l4]})
	err := request.ExecuteIter(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY, func(b []byte) bool {
		t.addDiag(b, l4)
		return true
	})
	if err != nil && err != nl.ErrDumpInterrupted {
		return fmt.Errorf("sock_diag: %w", err)
	}
	return nil
}

// addDiag takes a struct inet_diag_msg.
func (t *socketTable) addDiag(b []byte, l4 L4) {
	if len(b) < diagMessageSize {
		return
	}
	ino := uint64(binary.NativeEndian.Uint32(b[diagOffInode:]))
	if ino == 0 {
		return // no process has it any more
	}
	src, dst := binary.BigEndian.Uint16(b[diagOffPorts:]), binary.BigEndian.Uint16(b[diagOffPorts+2:])
	switch b[diagOffFamily] {
	case unix.AF_INET:
		t.addEnds(ino, l4, b[diagOffState],
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[diagOffSrc:])), src),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[diagOffDst:])), dst))
	case unix.AF_INET6:
		t.addEnds(ino, l4, b[diagOffState],
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[diagOffSrc:])), src),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[diagOffDst:])), dst))
	}
}
