// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a line of one of the tables below /proc/net.
type socket struct {
	kind     FDType
	l4       L4
	listen   bool
	src, dst netip.AddrPort
	path     string
	ptr      uint64
}

// socketTable holds the sockets of one network namespace by inode.
type socketTable struct {
	sockets map[uint64]socket
	read    time.Time
}

// A socket that is not in its table was probably made after the table was
// read. Reading again is dear where there are many sockets, so not each miss
// may lead to it.
const rereadSockets = time.Second

// inetTables are the tables of the internet protocols.
var inetTables = []struct {
	file string
	l4   L4
	v6   bool
}{
	{"net/tcp", L4TCP, false}, {"net/tcp6", L4TCP, true},
	{"net/udp", L4UDP, false}, {"net/udp6", L4UDP, true},
	{"net/raw", L4Raw, false}, {"net/raw6", L4Raw, true},
	{"net/icmp", L4ICMP, false}, {"net/icmp6", L4ICMP, true},
}

// readSockets fills t with the sockets of the network namespace of the process
// in d.
func (r *Reader) readSockets(d dir, netns uint64, t *socketTable) {
	var q *diag
	if !r.noDiag && netns != 0 {
		own := r.namespace(unix.AT_FDCWD, "/proc/thread-self/ns/net", "net")
		var err error
		if q, err = openDiag(d, netns == own); err != nil {
			q = nil // no such namespace in a copy of /proc, or no right to enter it
		} else {
			defer q.close()
		}
	}
	for _, f := range inetTables {
		if _, known := diagProtocols[f.l4]; known && q != nil && q.read(t, f.l4, f.v6) == nil {
			continue
		}
		r.lines(d, f.file, 1, func(line []byte) { t.addInet(line, f.l4, f.v6) })
	}
	r.lines(d, "net/unix", 1, t.addUnix)
	r.lines(d, "net/netlink", 1, func(line []byte) { t.addKind(line, 9, socket{kind: FDNetlink}) })
	r.lines(d, "net/packet", 1, func(line []byte) { t.addKind(line, 8, socket{kind: FDUnsupported}) })
}

// lines calls fn for each line of a file of any length, but the first ones
// that are to be skipped.
func (r *Reader) lines(d dir, name string, skip int, fn func(line []byte)) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // a protocol that this kernel lacks
	}
	defer unix.Close(fd)
	buf := r.big
	have := 0
	for {
		n, err := unix.Read(fd, buf[have:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		rest := buf[:have+n]
		for {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			if skip--; skip < 0 {
				fn(rest[:i])
			}
			rest = rest[i+1:]
		}
		have = copy(buf, rest)
		if have == len(buf) {
			return // no line is that long
		}
	}
}

// addInet takes a line of tcp, udp, raw or icmp: number, local and remote
// address, state, two queues, timer, retransmits, uid, timeout, inode.
func (t *socketTable) addInet(line []byte, l4 L4, v6 bool) {
	f := fields{rest: line}
	f.skip(1)
	src, ok := parseEnd(f.next(), v6)
	if !ok {
		return
	}
	dst, ok := parseEnd(f.next(), v6)
	if !ok {
		return
	}
	state := hex(f.next())
	f.skip(5)
	if ino := f.uint(); ino != 0 {
		t.addEnds(ino, l4, uint8(state), src, dst)
	}
}

// addEnds adds a socket of the internet protocols.
func (t *socketTable) addEnds(ino uint64, l4 L4, state uint8, src, dst netip.AddrPort) {
	s := socket{kind: FDIPv4, l4: l4, src: src, dst: dst}
	if !src.Addr().Is4() {
		s.kind = FDIPv6
	}
	const tcpListen = 0x0a
	s.listen = state == tcpListen && l4 == L4TCP
	if l4 == L4Raw {
		// Raw sockets have no ports; the kernel prints the protocol there.
		s.src = netip.AddrPortFrom(src.Addr(), 0)
	}
	if dst.Port() == 0 && dst.Addr().IsUnspecified() {
		s.kind += FDIPv4Server - FDIPv4
	}
	t.sockets[ino] = s
}

// addUnix takes a line of unix: kernel address, references, protocol, flags,
// type, state, inode, path. The path may hold blanks.
func (t *socketTable) addUnix(line []byte) {
	f := fields{rest: line}
	s := socket{kind: FDUnix, ptr: hex(f.next())}
	f.skip(5)
	ino := f.uint()
	if len(f.rest) > 1 {
		s.path = string(f.rest[1:])
	}
	if ino != 0 {
		t.sockets[ino] = s
	}
}

// addKind takes a line of which only the inode matters: that of netlink and
// packet sockets, which ends with it.
func (t *socketTable) addKind(line []byte, before int, s socket) {
	f := fields{rest: line}
	f.skip(before)
	if ino := f.uint(); ino != 0 {
		t.sockets[ino] = s
	}
}

// parseEnd parses an address such as 0100007F:07E8: words of the address in
// the machine's byte order, each as eight hex digits, then the port.
func parseEnd(b []byte, v6 bool) (netip.AddrPort, bool) {
	size := 4
	if v6 {
		size = 16
	}
	if len(b) <= 2*size || b[2*size] != ':' {
		return netip.AddrPort{}, false
	}
	var raw [16]byte
	for i := 0; i < size; i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], uint32(hex(b[2*i:2*i+8])))
	}
	port := uint16(hex(b[2*size+1:]))
	if v6 {
		return netip.AddrPortFrom(netip.AddrFrom16(raw), port), true
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[:4])), port), true
}
