// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// addrsOf returns what reads the addresses of the host's interfaces. In a
// container the own network is not the host's: there they come from the host's
// first process.
func addrsOf(hostRoot string) func() []netip.Addr {
	if hostRoot == "" || filepath.Clean(hostRoot) == "/" {
		return ownAddrs
	}
	dir := filepath.Join(hostRoot, "proc/1/net")
	return func() []netip.Addr {
		v4, err4 := os.ReadFile(filepath.Join(dir, "fib_trie"))
		v6, err6 := os.ReadFile(filepath.Join(dir, "if_inet6"))
		if err4 != nil && err6 != nil {
			return ownAddrs() // better than none: the host's network may be shared
		}
		return append(parseFibTrie(string(v4)), parseInet6(string(v6))...)
	}
}

func ownAddrs() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out
}

// parseFibTrie reads /proc/PID/net/fib_trie: a leaf "|-- ADDRESS" is an address
// of the host when a route "/32 host LOCAL" follows (fib_trie_seq_show in the
// kernel's net/ipv4/fib_trie.c). It is there twice, in the tables local and main.
func parseFibTrie(text string) []netip.Addr {
	var out []netip.Addr
	seen := map[netip.Addr]bool{}
	var leaf netip.Addr
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "|-- "); ok {
			leaf, _ = netip.ParseAddr(rest)
			continue
		}
		if line == "/32 host LOCAL" && leaf.Is4() && !seen[leaf] {
			seen[leaf] = true
			out = append(out, leaf)
		}
	}
	return out
}

// parseInet6 reads /proc/PID/net/if_inet6: a line begins with the address as 32
// hexadecimal digits (if6_seq_show in the kernel's net/ipv6/addrconf.c).
func parseInet6(text string) []netip.Addr {
	var out []netip.Addr
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(line, " ")
		if b, err := hex.DecodeString(word); err == nil && len(b) == 16 {
			out = append(out, netip.AddrFrom16([16]byte(b)))
		}
	}
	return out
}
