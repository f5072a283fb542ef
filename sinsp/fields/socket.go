// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// The ends of connections. The source of a connection's addresses is its
// client, the destination its server; a bound or listening socket has only the
// server side.

func socketFields() []*Field {
	addr := func(name string, s side, doc string) *Field {
		return field(name, scap.PTIPAddr, scap.PFNA, addrOf(s), doc)
	}
	port := func(name string, s side, doc string) *Field {
		return field(name, scap.PTPort, scap.PFDec, portOf(s), doc)
	}
	network := func(name string, s side, doc string) *Field {
		return field(name, scap.PTIPNet, scap.PFNA, addrOf(s), doc).filterOnly()
	}
	either := func(f *Field, each func(*state.Event, *Arg, int, *Value) bool) *Field {
		f.Extract = func(ev *state.Event, arg *Arg, out *Value) bool { return each(ev, arg, 0, out) }
		f.Each, f.NEAll = each, true
		return f.filterOnly()
	}
	return []*Field{
		either(field("fd.ip", scap.PTIPAddr, scap.PFNA, nil, "Address of either end of the connection."), eachAddr),
		addr("fd.cip", clientSide, "Address of the client."),
		addr("fd.sip", serverSide, "Address of the server."),
		addr("fd.lip", localSide, "Address of this host's end."),
		addr("fd.rip", remoteSide, "Address of the other host's end."),
		either(field("fd.port", scap.PTPort, scap.PFDec, nil, "Port of either end of the connection."), eachPort),
		port("fd.cport", clientSide, "Port of the client."),
		port("fd.sport", serverSide, "Port of the server."),
		port("fd.lport", localSide, "Port of this host's end."),
		port("fd.rport", remoteSide, "Port of the other host's end."),
		text("fd.l4proto", fdL4Proto, "Transport protocol: tcp, udp, icmp or raw; <NA> for what is not an IP socket."),
		text("fd.sockfamily", fdSockFamily, "ip or unix."),
		boolean("fd.is_server", ofFDBool(func(f *state.FD) bool { return f.IsServer() || f.Role == state.RoleServer }), "Whether the process is the server of the connection, or listens."),
		either(field("fd.proto", scap.PTPort, scap.PFNA, nil, "Port of either end, given by number or by the name of a service."), eachPort),
		text("fd.cproto", serviceOf(clientSide), "Name of the service on the client's port."),
		text("fd.sproto", serviceOf(serverSide), "Name of the service on the server's port."),
		text("fd.lproto", serviceOf(localSide), "Name of the service on this host's port."),
		text("fd.rproto", serviceOf(remoteSide), "Name of the service on the other host's port."),
		either(field("fd.net", scap.PTIPNet, scap.PFNA, nil, "Network (address/length) that the address of either end lies in."), eachAddr),
		network("fd.cnet", clientSide, "Network that the client's address lies in."),
		network("fd.snet", serverSide, "Network that the server's address lies in."),
		network("fd.lnet", localSide, "Network that this host's address lies in."),
		network("fd.rnet", remoteSide, "Network that the other host's address lies in."),
		boolean("fd.connected", ofFDBool(func(f *state.FD) bool { return f.Connected }), "Whether the socket is connected."),
		text("fd.cip.name", nil, "Host name of the client's address. Only names that rules mention are known.").plain(),
		text("fd.sip.name", nil, "Host name of the server's address. Only names that rules mention are known.").plain(),
		text("fd.lip.name", nil, "Host name of this host's address. Only names that rules mention are known.").plain(),
		text("fd.rip.name", nil, "Host name of the other host's address. Only names that rules mention are known.").plain(),
	}
}

type side uint8

const (
	clientSide side = iota
	serverSide
	localSide
	remoteSide
)

// endpoint is one end of the event's socket. Which end is the client's cannot
// be said of a socket whose role is not known.
func endpoint(ev *state.Event, s side) (ip []byte, port uint16, ok bool) {
	fd := eventFD(ev)
	if fd == nil {
		return nil, 0, false
	}
	if fd.IsServer() {
		return addrBytes(&fd.DstIP, fd.V6), fd.DstPort, s == serverSide
	}
	if !fd.IsConn() || fd.Role == state.RoleNone {
		return nil, 0, false
	}
	client := s == clientSide
	if s == localSide || s == remoteSide {
		clientIsLocal := ev.Engine != nil && ev.Engine.ClientIsLocal(ev.Thread, fd)
		client = (s == localSide) == clientIsLocal
	}
	if client {
		return addrBytes(&fd.SrcIP, fd.V6), fd.SrcPort, true
	}
	return addrBytes(&fd.DstIP, fd.V6), fd.DstPort, true
}

func addrBytes(ip *[16]byte, v6 bool) []byte {
	if v6 {
		return ip[:]
	}
	return ip[:4]
}

func addrOf(s side) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		ip, _, ok := endpoint(ev, s)
		out.S = scap.View(ip)
		return ok
	}
}

func portOf(s side) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		_, port, ok := endpoint(ev, s)
		out.N = uint64(port)
		return ok
	}
}

func serviceOf(s side) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		_, port, ok := endpoint(ev, s)
		if !ok {
			return false
		}
		if name := serviceName(port, ev.FD.L4 == state.L4UDP); name != "" {
			return out.setText(name)
		}
		from := len(ev.Arena)
		ev.Arena = appendInt(ev.Arena, int64(port))
		return out.setArena(ev, from)
	}
}

// ends tells how many ends of an IP socket are known, whatever its role.
func ends(ev *state.Event) (fd *state.FD, n int) {
	fd = eventFD(ev)
	switch {
	case fd == nil:
		return nil, 0
	case fd.IsServer():
		return fd, 1
	case fd.IsConn():
		return fd, 2
	}
	return fd, 0
}

func eachAddr(ev *state.Event, _ *Arg, i int, out *Value) bool {
	fd, n := ends(ev)
	if i >= n {
		return false
	}
	if i == n-1 {
		return out.setText(scap.View(addrBytes(&fd.DstIP, fd.V6)))
	}
	return out.setText(scap.View(addrBytes(&fd.SrcIP, fd.V6)))
}

func eachPort(ev *state.Event, _ *Arg, i int, out *Value) bool {
	fd, n := ends(ev)
	if i >= n {
		return false
	}
	if i == n-1 {
		return out.setUint(uint64(fd.DstPort))
	}
	return out.setUint(uint64(fd.SrcPort))
}

func fdL4Proto(ev *state.Event, _ *Arg, out *Value) bool {
	fd := eventFD(ev)
	if fd == nil {
		return false
	}
	if !fd.IsIP() || fd.IsConn() && fd.Role == state.RoleNone && fd.L4 != state.L4Raw {
		return out.setText("<NA>")
	}
	switch fd.L4 {
	case state.L4TCP:
		return out.setText("tcp")
	case state.L4UDP:
		return out.setText("udp")
	case state.L4ICMP:
		return out.setText("icmp")
	case state.L4Raw:
		return out.setText("raw")
	}
	return out.setText("<NA>")
}

func fdSockFamily(ev *state.Event, _ *Arg, out *Value) bool {
	fd := eventFD(ev)
	switch {
	case fd == nil:
		return false
	case fd.IsIP():
		return out.setText("ip")
	case fd.Type == state.FDUnix:
		return out.setText("unix")
	}
	return false
}
