// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
)

// peer is an address of this thread's own network namespace (TEST-NET-3, RFC
// 5737): packets to it never leave the namespace.
const peer = "203.0.113.7"

// listen brings up the namespace's loopback with the peer address and accepts
// connections on it.
func listen() (net.Listener, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	addr, err := netlink.ParseAddr(peer + "/32")
	if err != nil {
		return nil, err
	}
	if err := netlink.AddrAdd(lo, addr); err != nil {
		return nil, fmt.Errorf("give lo the address %s: %w", peer, err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", peer+":4444")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			time.AfterFunc(time.Second, func() { c.Close() })
		}
	}()
	return l, nil
}
