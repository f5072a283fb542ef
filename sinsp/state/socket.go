// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"

	"github.com/tiercel/tiercel/scap"
)

// Socket types and protocols of Linux, as the parameters carry them.
const (
	sockStream   = 1
	sockDgram    = 2
	sockRaw      = 3
	sockTypeMask = 0xf
	sockCloexec  = 0x80000

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoRaw    = 255

	familyNetlink = 16
)

// socketType returns the kind of descriptor for an address family. Sockets of
// other families, such as packet and vsock, are unknown.
func socketType(family uint64) FDType {
	switch family {
	case uint64(scap.FamilyUnix):
		return FDUnix
	case uint64(scap.FamilyINET):
		return FDIPv4
	case uint64(scap.FamilyINET6):
		return FDIPv6
	case familyNetlink:
		return FDNetlink
	}
	return FDUnknown
}

func transport(typ, proto uint64) L4 {
	switch proto {
	case protoTCP:
		return L4TCP
	case protoUDP:
		return L4UDP
	case protoICMP, protoICMPv6:
		return L4ICMP
	case protoRaw:
		return L4Raw
	case 0:
		switch typ & sockTypeMask {
		case sockStream:
			return L4TCP
		case sockDgram:
			return L4UDP
		}
	}
	if typ&sockTypeMask == sockRaw {
		return L4Raw
	}
	return L4Unknown
}

// sockFlags returns open flags from the flags in a socket type or of accept4,
// which may come as the kernel has them or translated.
func sockFlags(v uint64) uint32 {
	if v&(sockCloexec|uint64(OpenCloexec)) != 0 {
		return OpenCloexec
	}
	return 0
}

func onSocket(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	domain, _ := ev.uint(pDomain)
	typ, _ := ev.uint(pType)
	proto, _ := ev.uint(pProto)
	f := e.newFD(n, socketType(domain))
	if f.IsIP() {
		f.L4 = transport(typ, proto)
		f.V6 = f.Type == FDIPv6
	}
	f.Flags = ev.u32(pFlags) | sockFlags(typ)
	e.add(ev, f)
}

func onSocketpair(e *Engine, ev *Event) {
	n1, n2 := ev.fdNum(pFD1), ev.fdNum(pFD2)
	if _, ok := fdOf(ev); !ok || n1 == n2 {
		return
	}
	src, _ := ev.uint(pSource)
	dst, _ := ev.uint(pPeer)
	typ, _ := ev.uint(pType)
	for _, n := range [...]int64{n1, n2} { // the event is about the last one
		f := e.newFD(n, FDUnix)
		f.SrcPtr, f.DstPtr = src, dst
		f.Flags = sockFlags(typ)
		f.Name = e.unixName(src, dst, nil)
		e.add(ev, f)
	}
}

// ownEventFD returns the event's descriptor for changing.
func (e *Engine) ownEventFD(ev *Event) *FD {
	if ev.Thread == nil || ev.FD == nil {
		return nil
	}
	f := e.ownFD(ev.Thread.fds, ev.FDNum)
	if f != nil {
		ev.FD = f
	}
	return f
}

// onBind makes a socket the server's end of what will come.
func onBind(e *Engine, ev *Event) {
	addr, ok := scap.DecodeSockaddr(ev.bytes(pAddr))
	if !ok {
		return
	}
	f := e.ownEventFD(ev)
	if f == nil {
		return
	}
	switch addr.Family {
	case scap.FamilyINET, scap.FamilyINET6:
		// Port 0 lets the kernel choose; listen or the first data tell.
		if addr.Port == 0 {
			f.Name = e.text(appendEnd(e.enc[:0], addr.IP, addr.Family == scap.FamilyINET6, 0))
			return
		}
		f.V6 = addr.Family == scap.FamilyINET6
		f.SrcIP, f.SrcPort = [16]byte{}, 0
		f.DstIP, f.DstPort = addr.IP, addr.Port
		f.Type = FDIPv4Server
		if f.V6 {
			f.Type = FDIPv6Server
		}
		unmap(f)
		f.Role = RoleServer
		f.Name = e.socketName(f)
	case scap.FamilyUnix:
		f.Role = RoleServer
		f.Name = e.text(addr.Path)
	}
}

// onListen makes a bound socket a listening one.
func onListen(e *Engine, ev *Event) {
	if ev.FD == nil || ev.FD.Role == RoleServer {
		return
	}
	f := e.ownEventFD(ev)
	if f == nil {
		return
	}
	f.Role = RoleServer
	switch f.Type {
	case FDIPv4:
		f.Type = FDIPv4Server
	case FDIPv6:
		f.Type = FDIPv6Server
	}
}

// onConnect makes a socket the client's end.
func onConnect(e *Engine, ev *Event) {
	f := e.ownEventFD(ev)
	if f == nil {
		return
	}
	if ev.ErrNo != 0 && ev.ErrNo != errInProgress {
		switch ev.ErrNo {
		case errAlready, errIsConn: // an earlier call did not fail
		case errIntr, errRestart: // the connection goes on being made
			f.Pending = true
		default:
			f.Pending, f.Failed = false, true
		}
		return
	}
	// Who connects is the client, also from a port of his choice; a UDP
	// server that connects stays one: it answers somebody.
	if f.Role == RoleNone || f.L4 == L4TCP {
		f.Role = RoleClient
	}
	f.Pending = ev.ErrNo == errInProgress
	f.Connected, f.Failed = !f.Pending, false
	tuple, ok := scap.DecodeSocktuple(ev.bytes(pTuple))
	enter, hasEnter := enterAddr(ev)
	switch {
	case ok && tuple.Family == scap.FamilyUnix:
		f.SrcPtr, f.DstPtr = tuple.Src.Ptr, tuple.Dst.Ptr
		f.Name = e.unixName(f.SrcPtr, f.DstPtr, tuple.Path)
	case ok && isIP(tuple.Family):
		// What came from user memory may have been changed since the call
		// began; what the enter event holds may not.
		if exit, ok := scap.DecodeSockaddr(ev.bytes(pAddr)); ok && hasEnter && enter.Family == tuple.Family &&
			exit.Family == tuple.Family && exit.IP == tuple.Dst.IP && exit.Port == tuple.Dst.Port {
			tuple.Dst.IP, tuple.Dst.Port = enter.IP, enter.Port
		}
		setEnds(f, tuple.Family, &tuple.Src, &tuple.Dst)
		e.connected(f)
	case ok && tuple.Family == scap.FamilyUnspec:
		f.Connected = false
	case hasEnter && isIP(enter.Family):
		setEnds(f, enter.Family, &scap.Endpoint{}, &enter.Endpoint)
		e.connected(f)
	case hasEnter && enter.Family == scap.FamilyUnix:
		f.Name = e.text(enter.Path)
	}
}

// onGetsockopt takes the outcome of a connection that was being made, for which
// programs ask with SO_ERROR.
func onGetsockopt(e *Engine, ev *Event) {
	level, _ := ev.uint(pLevel)
	opt, _ := ev.uint(pOptname)
	val := ev.bytes(pVal)
	if level != scap.SockoptLevelsSolSocket || opt != scap.SockoptOptionsSoError || len(val) < 9 || ev.FD == nil || !ev.FD.Pending {
		return
	}
	if f := e.ownEventFD(ev); f != nil { // behind a byte that tells the type
		errno := int64(binary.LittleEndian.Uint64(val[1:]))
		f.Pending, f.Connected, f.Failed = false, errno == 0, errno != 0
	}
}

// connected finishes the address of a socket whose own end is the source.
func (e *Engine) connected(f *FD) {
	e.fillLocal(&f.SrcIP, f.DstIP, f.V6)
	unmap(f)
	if f.Role == RoleServer && f.L4 == L4UDP {
		swapEnds(f)
	}
	f.Name = e.socketName(f)
}

// enterAddr returns the address that connect was asked for, from its enter
// event.
func enterAddr(ev *Event) (scap.Sockaddr, bool) {
	if ev.Enter == nil {
		return scap.Sockaddr{}, false
	}
	return scap.DecodeSockaddr(paramOf(ev.Enter, pAddr))
}

func isIP(family uint8) bool { return family == scap.FamilyINET || family == scap.FamilyINET6 }

// setEnds makes f a connection between two ends.
func setEnds(f *FD, family uint8, src, dst *scap.Endpoint) {
	f.SrcIP, f.SrcPort = src.IP, src.Port
	f.DstIP, f.DstPort = dst.IP, dst.Port
	f.V6 = family == scap.FamilyINET6
	f.Type = FDIPv4
	if f.V6 {
		f.Type = FDIPv6
	}
}

// onAccept adds the server's end of a connection. The tuple's source is the
// client.
func onAccept(e *Engine, ev *Event) {
	n, ok := fdOf(ev)
	if !ok {
		return
	}
	tuple, ok := scap.DecodeSocktuple(ev.bytes(pTuple))
	if !ok {
		e.removeFD(ev.Thread.fds, n)
		return
	}
	f := e.newFD(n, socketType(uint64(tuple.Family)))
	f.Role, f.Connected = RoleServer, true
	flags, _ := ev.uint(pFlags)
	f.Flags = sockFlags(flags)
	switch {
	case isIP(tuple.Family):
		f.L4 = L4TCP
		setEnds(f, tuple.Family, &tuple.Src, &tuple.Dst)
		unmap(f)
		f.Name = e.socketName(f)
	case tuple.Family == scap.FamilyUnix:
		f.SrcPtr, f.DstPtr = tuple.Src.Ptr, tuple.Dst.Ptr
		f.Name = e.unixName(f.SrcPtr, f.DstPtr, tuple.Path)
	}
	e.add(ev, f)
}

func onSend(e *Engine, ev *Event) { e.transfer(ev, false) }

func onRecv(e *Engine, ev *Event) {
	e.transfer(ev, true)
	if b := ev.bytes(pMsgControl); len(b) > 0 && ev.Thread != nil {
		e.receiveFDs(ev, b)
	}
}

// transfer learns from data that went through a socket. The tuple's source is
// the sender.
func (e *Engine) transfer(ev *Event, in bool) {
	if ev.Thread == nil || ev.FDNum < 0 {
		return
	}
	f := ev.FD
	if f != nil && f.Name != "" && (f.L4 == L4TCP || !f.IsIP()) && f.Connected {
		return
	}
	tuple, ok := scap.DecodeSocktuple(ev.bytes(pTuple))
	if f == nil {
		if in || !ok || !isIP(tuple.Family) {
			return
		}
		f = e.addFD(ev.Thread.fds, e.newFD(ev.FDNum, socketType(uint64(tuple.Family))))
		if f == nil {
			return
		}
		ev.FD = f
	}
	if !f.IsSocket() {
		return
	}
	if !f.Connected {
		if f = e.ownEventFD(ev); f == nil {
			return
		}
		f.Connected = true
	}
	switch {
	case !ok:
	case tuple.Family == scap.FamilyUnix && f.Type == FDUnix && f.Name == "":
		if f = e.ownEventFD(ev); f != nil {
			f.SrcPtr, f.DstPtr = tuple.Src.Ptr, tuple.Dst.Ptr
			f.Name = e.unixName(f.SrcPtr, f.DstPtr, tuple.Path)
		}
	case isIP(tuple.Family) && f.IsIP() && (f.Name == "" || f.L4 != L4TCP):
		e.learnEnds(ev, &tuple, in)
	}
}

// learnEnds takes the addresses of a datagram. The client's end becomes the
// source, whichever way the data went.
func (e *Engine) learnEnds(ev *Event, tuple *scap.Socktuple, in bool) {
	var want FD
	setEnds(&want, tuple.Family, &tuple.Src, &tuple.Dst)
	if in {
		e.fillLocal(&want.DstIP, want.SrcIP, want.V6)
	} else {
		e.fillLocal(&want.SrcIP, want.DstIP, want.V6)
	}
	unmap(&want)
	role := ev.FD.Role
	if in && want.SrcPort == 0 && role == RoleClient && ev.FD.DstPort != 0 {
		return // who sent it was not asked for: the server that is known stays
	}
	if role == RoleNone {
		role = RoleClient
		local := want.SrcPort
		if in {
			local = want.DstPort
		}
		// A program that does not ask who sent something serves everybody.
		if in && (want.SrcPort == 0 || bound(ev.Thread.fds, local)) {
			role = RoleServer
		}
	}
	// Data for a client came from the server's end, data of a server went out
	// from there.
	if in == (role == RoleClient) {
		swapEnds(&want)
	}
	f := ev.FD
	if sameEnds(f, &want) && f.Role == role {
		return
	}
	if f = e.ownEventFD(ev); f == nil {
		return
	}
	f.Type, f.V6, f.Role = want.Type, want.V6, role
	f.SrcIP, f.SrcPort, f.DstIP, f.DstPort = want.SrcIP, want.SrcPort, want.DstIP, want.DstPort
	if f.L4 == L4Unknown {
		f.L4 = L4UDP
	}
	f.Name = e.socketName(f)
}

func sameEnds(a, b *FD) bool {
	return a.Type == b.Type && a.SrcPort == b.SrcPort && a.DstPort == b.DstPort && a.SrcIP == b.SrcIP && a.DstIP == b.DstIP
}

// bound reports whether the process has a socket bound to the port.
func bound(t *FDTable, port uint16) bool {
	if port == 0 {
		return false
	}
	for f := range t.All() {
		if f.IsServer() && f.DstPort == port {
			return true
		}
	}
	return false
}

func swapEnds(f *FD) {
	f.SrcIP, f.DstIP = f.DstIP, f.SrcIP
	f.SrcPort, f.DstPort = f.DstPort, f.SrcPort
}
