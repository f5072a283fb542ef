// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap/capture"
)

// tables are those of the model, and what only a capture wants to know of the
// host.
func (r *recording) tables() (*capture.Tables, error) {
	t := r.engine.Tables()
	m := t.Machine
	m.CPUs = uint32(runtime.NumCPU())
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = uint64(info.Totalram) * uint64(info.Unit)
	}
	// Without it the highest number stays unknown; nothing depends on it.
	if text, err := os.ReadFile(filepath.Join("/", r.sys.State.HostRoot, "proc/sys/kernel/pid_max")); err == nil {
		m.MaxPID, _ = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	}
	if ifs := interfaces(); ifs != nil {
		t.Interfaces = ifs
	}
	return t, nil
}

// interfaces returns the addresses of this host's network interfaces.
func interfaces() []capture.Interface {
	links, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []capture.Interface
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			continue // it is gone by now
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, capture.Interface{Name: l.Name, Addr: p.Addr(), Netmask: mask(p), Broadcast: broadcast(p)})
			}
		}
	}
	return out
}

func mask(p netip.Prefix) netip.Addr {
	b := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// broadcast returns the last address of the network; IPv6 has none.
func broadcast(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() {
		return netip.IPv6Unspecified()
	}
	b, m := p.Addr().As4(), mask(p).As4()
	for i := range b {
		b[i] |= ^m[i]
	}
	return netip.AddrFrom4(b)
}
