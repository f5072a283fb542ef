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
	if err := local(peer); err != nil {
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

// local brings up the namespace's loopback with an address.
func local(address string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(address + "/32")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(lo, addr); err != nil {
		return fmt.Errorf("give lo the address %s: %w", address, err)
	}
	return netlink.LinkSetUp(lo)
}

// metadata is a step that finds the metadata service of a cloud.
func metadata(what func() error) func() error {
	return func() error {
		if err := local("169.254.169.254"); err != nil {
			return err
		}
		l, err := net.Listen("tcp4", "169.254.169.254:80")
		if err != nil {
			return err
		}
		defer l.Close()
		return what()
	}
}

// ask connects to an address.
func ask(address string) func() error {
	return func() error {
		c, err := net.Dial("tcp4", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}
