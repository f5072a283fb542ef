// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
)

// tables are those of the model, and what only a capture wants to know of the
// host.
func (r *recording) tables() (*capture.Tables, error) {
	r.containers.again = true
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
	links, err := procfs.Interfaces()
	if err != nil {
		return nil
	}
	var out []capture.Interface
	for _, l := range links {
		for _, a := range l.Addrs {
			out = append(out, capture.Interface{
				Name: l.Name, Addr: a.Prefix.Addr(), Netmask: mask(a.Prefix), Broadcast: broadcast(a.Prefix, a.Broadcast), LinkSpeed: l.Speed,
			})
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

// broadcast returns the address to everybody on the network: the one that is
// set, or the last one. IPv6 has none.
func broadcast(p netip.Prefix, set netip.Addr) netip.Addr {
	if set.IsValid() {
		return set
	}
	if !p.Addr().Is4() {
		return netip.IPv6Unspecified()
	}
	b, m := p.Addr().As4(), mask(p).As4()
	for i := range b {
		b[i] |= ^m[i]
	}
	return netip.AddrFrom4(b)
}
