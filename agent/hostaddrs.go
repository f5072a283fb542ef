// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// maxAddrs bounds what is taken over of the host's addresses.
const maxAddrs = 1 << 16

// addrsOf returns what gives the addresses of the host's interfaces. In a
// container the own network is not the host's: there they come from the host's
// first process.
func addrsOf(hostRoot string) func() []netip.Addr {
	if hostRoot == "" || filepath.Clean(hostRoot) == "/" {
		return ownAddrs
	}
	h := &hostAddrs{dir: filepath.Join(hostRoot, "proc/1/net")}
	h.read()
	return h.get
}

// hostAddrs are the addresses of the host as they were read last. fib_trie has
// all routes, on a router a million of them: it is not read on the thread of
// events.
type hostAddrs struct {
	dir     string
	known   atomic.Pointer[[]netip.Addr]
	reading atomic.Bool
}

// get returns what is known, and has it read again.
func (h *hostAddrs) get() []netip.Addr {
	known := *h.known.Load()
	if h.reading.CompareAndSwap(false, true) {
		go func() {
			defer h.reading.Store(false)
			h.read()
		}()
	}
	return known
}

func (h *hostAddrs) read() {
	v4, err4 := fromFile(filepath.Join(h.dir, "fib_trie"), parseFibTrie)
	v6, err6 := fromFile(filepath.Join(h.dir, "if_inet6"), parseInet6)
	all := append(v4, v6...)
	if err4 != nil && err6 != nil {
		all = ownAddrs() // better than none: the host's network may be shared
	}
	h.known.Store(&all)
}

func fromFile(path string, parse func(io.Reader) []netip.Addr) ([]netip.Addr, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(f), nil
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
func parseFibTrie(text io.Reader) []netip.Addr {
	var out []netip.Addr
	seen := map[netip.Addr]bool{}
	var leaf netip.Addr
	for lines := bufio.NewScanner(text); lines.Scan() && len(out) < maxAddrs; {
		line := bytes.TrimSpace(lines.Bytes())
		if rest, ok := bytes.CutPrefix(line, []byte("|-- ")); ok {
			leaf, _ = netip.ParseAddr(string(rest))
			continue
		}
		if string(line) == "/32 host LOCAL" && leaf.Is4() && !seen[leaf] {
			seen[leaf] = true
			out = append(out, leaf)
		}
	}
	return out
}

// parseInet6 reads /proc/PID/net/if_inet6: a line begins with the address as 32
// hexadecimal digits (if6_seq_show in the kernel's net/ipv6/addrconf.c).
func parseInet6(text io.Reader) []netip.Addr {
	var out []netip.Addr
	for lines := bufio.NewScanner(text); lines.Scan() && len(out) < maxAddrs; {
		word, _, _ := strings.Cut(lines.Text(), " ")
		if b, err := hex.DecodeString(word); err == nil && len(b) == 16 {
			out = append(out, netip.AddrFrom16([16]byte(b)))
		}
	}
	return out
}
