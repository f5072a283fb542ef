// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tiercel/tiercel/scap"
)

// Ends of connections that a script does not name.
const (
	ownAddress4 = "10.0.0.5"
	ownAddress6 = "fd00::5"
	ownPort     = 40000
)

// socket makes the socket that a connection begins with.
func (w *world) socket(p *process, fd int64, remote netip.Addr, proto string) error {
	family, typ, number := 2, 1, 6
	if remote.Is6() {
		family = 10
	}
	switch proto {
	case "tcp":
	case "udp":
		typ, number = 2, 17
	default:
		return fmt.Errorf("line %d: proto is tcp or udp, not %q", w.line, proto)
	}
	return w.newSocket(p, fd, family, typ, number)
}

func (w *world) newSocket(p *process, fd int64, family, typ, proto int) error {
	enc, err := encodeAll(scap.EvSocketX, map[string]any{"fd": fd, "domain": family, "type": typ, "proto": proto})
	if err != nil {
		return err
	}
	return w.emit(scap.EvSocketX, p, false, enc)
}

// ends takes the two ends of a connection: the one at key and the own one.
func (w *world) ends(a *attrs, key, own string) (remote, local netip.AddrPort, err error) {
	text, err := a.text(key, "")
	if err != nil {
		return remote, local, err
	}
	if remote, err = netip.ParseAddrPort(text); err != nil {
		return remote, local, fmt.Errorf("line %d: %s is an address such as 10.0.0.1:80 or [::1]:80, not %q", a.line, key, text)
	}
	address := ownAddress4
	if remote.Addr().Is6() {
		address = ownAddress6
	}
	usual := netip.AddrPortFrom(netip.MustParseAddr(address), ownPort).String()
	if text, err = a.text(own, usual); err != nil {
		return remote, local, err
	}
	if local, err = netip.ParseAddrPort(text); err != nil || local.Addr().Is4() != remote.Addr().Is4() {
		return remote, local, fmt.Errorf("line %d: %s is an address of the same kind as %s, not %q", a.line, own, key, text)
	}
	return remote, local, nil
}

// stepConnect connects to an address or to a Unix socket.
func (w *world) stepConnect(a *attrs) error {
	p, err := w.actor(a)
	if err != nil {
		return err
	}
	result, err := a.text("res", "0")
	if err != nil {
		return err
	}
	proto, err := a.text("proto", "tcp")
	if err != nil {
		return err
	}
	fd, err := a.number("fd", noFD)
	if err != nil {
		return err
	}
	if fd == noFD {
		fd = p.newFD()
	}
	p.lastFD = fd
	params := map[string]any{"fd": fd}
	if n := a.values["to"]; n != nil && strings.HasPrefix(n.Value, "/") {
		a.take("to")
		if err := w.newSocket(p, fd, 1, 1, 0); err != nil {
			return err
		}
		params["addr"], params["tuple"] = scap.AppendSockaddrUnix(nil, n.Value), scap.AppendSocktupleUnix(nil, 1, 2, n.Value)
	} else {
		remote, local, err := w.ends(a, "to", "from")
		if err != nil {
			return err
		}
		if err := w.socket(p, fd, remote.Addr(), proto); err != nil {
			return err
		}
		params["addr"], params["tuple"] = scap.AppendSockaddr(nil, remote), scap.AppendSocktuple(nil, local, remote)
	}
	if err := a.left("connect", []string{"to", "from", "proto", "res", "fd", "by"}); err != nil {
		return err
	}
	res, err := errno(result)
	if err != nil {
		return fmt.Errorf("line %d: res: %w", a.line, err)
	}
	params["res"] = res
	enc, err := encodeAll(scap.EvConnectX, params)
	if err != nil {
		return err
	}
	return w.emit(scap.EvConnectX, p, true, enc)
}

// stepAccept takes a connection that somebody else made.
func (w *world) stepAccept(a *attrs) error {
	p, err := w.actor(a)
	if err != nil {
		return err
	}
	remote, local, err := w.ends(a, "from", "at")
	if err != nil {
		return err
	}
	fd, err := a.number("fd", noFD)
	if err != nil {
		return err
	}
	if fd == noFD {
		fd = p.newFD()
	}
	p.lastFD = fd
	if err := a.left("accept", []string{"from", "at", "fd", "by"}); err != nil {
		return err
	}
	enc, err := encodeAll(scap.EvAccept4V6X, map[string]any{
		"fd": fd, "tuple": scap.AppendSocktuple(nil, remote, local), "queuepct": 0, "queuelen": 0, "queuemax": 128, "flags": 0,
	})
	if err != nil {
		return err
	}
	return w.emit(scap.EvAccept4V6X, p, true, enc)
}
