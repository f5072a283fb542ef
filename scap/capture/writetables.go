// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/tiercel/tiercel/scap/procfs"
)

// appendBlock appends a block whose body is what body appends.
func appendBlock(dst []byte, t blockType, body func([]byte) []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t))
	dst = append(dst, 0, 0, 0, 0)
	return endBlock(body(dst), start)
}

// endBlock pads and ends the block that begins at start.
func endBlock(dst []byte, start int) []byte {
	for (len(dst)-start)%4 != 0 {
		dst = append(dst, 0)
	}
	total := uint32(len(dst) - start + blockTrailer)
	binary.LittleEndian.PutUint32(dst[start+4:], total)
	return binary.LittleEndian.AppendUint32(dst, total)
}

// appendSized appends a length of 32 bits, which counts itself, and an entry.
func appendSized(dst []byte, entry func([]byte) []byte) []byte {
	start := len(dst)
	dst = entry(append(dst, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

func appendSection(dst []byte, enterEvents bool) []byte {
	return appendBlock(dst, blockSection, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, magic)
		b = binary.LittleEndian.AppendUint16(b, majorVer)
		b = binary.LittleEndian.AppendUint16(b, minorVer)
		b = binary.LittleEndian.AppendUint64(b, ^uint64(0))
		if enterEvents {
			b = binary.LittleEndian.AppendUint16(b, optLocal)
			b = appendText(b, optEnterEvents, maxName)
			b = append(b, make([]byte, padded(len(optEnterEvents))-len(optEnterEvents))...)
			b = append(b, 0, 0, 0, 0) // end of options
		}
		return b
	})
}

func (m *Machine) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.CPUs)
	b = binary.LittleEndian.AppendUint64(b, m.Memory)
	b = binary.LittleEndian.AppendUint64(b, m.MaxPID)
	var name [hostnameLen]byte
	copy(name[:hostnameLen-1], m.Hostname)
	b = append(b, name[:]...)
	for _, v := range [...]uint64{m.BootTime, m.Flags, 0, 0} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (i *Interface) append(b []byte) []byte {
	if !i.Addr.IsValid() {
		return b
	}
	start := len(b)
	kind, n := uint16(ifIPv6), 16
	if i.Addr.Is4() {
		kind, n = ifIPv4, 4
	}
	name := i.Name[:min(len(i.Name), maxName)]
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	for _, a := range [...]netip.Addr{i.Addr, i.Netmask, i.Broadcast} {
		b = appendAddr(b, a, n)
	}
	b = binary.LittleEndian.AppendUint64(b, i.LinkSpeed)
	b = append(b, name...)
	// Unlike everywhere else this length does not count itself.
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendUser(b []byte, u *procfs.User) []byte {
	return appendSized(b, func(b []byte) []byte {
		b = append(b, userEntry)
		b = binary.LittleEndian.AppendUint32(b, u.UID)
		b = binary.LittleEndian.AppendUint32(b, u.GID)
		b = appendText(b, u.Name, maxName)
		b = appendText(b, u.Home, maxName)
		return appendText(b, u.Shell, maxName)
	})
}

func appendGroup(b []byte, g *procfs.Group) []byte {
	return appendSized(b, func(b []byte) []byte {
		b = append(b, groupEntry)
		b = binary.LittleEndian.AppendUint32(b, g.GID)
		return appendText(b, g.Name, maxName)
	})
}

// append appends an entry of the newest version.
func (t *Thread) append(b []byte) []byte {
	return appendSized(b, func(b []byte) []byte {
		for _, v := range [...]int64{t.TID, t.PID, t.PTID, t.SID, t.VPGID} {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
		for _, s := range [...]string{t.Comm, t.Exe, t.ExePath} {
			b = appendText(b, s, maxName)
		}
		b = appendList(b, t.Args)
		b = appendText(b, t.CWD, maxName)
		b = binary.LittleEndian.AppendUint64(b, uint64(t.FDLimit))
		for _, v := range [...]uint32{t.Flags, t.UID, t.GID, t.VMSize, t.VMRSS, t.VMSwap} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		for _, v := range [...]uint64{t.PfMajor, t.PfMinor} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		b = appendList(b, t.Env)
		for _, v := range [...]int64{t.VTID, t.VPID} {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
		b = appendList(b, t.Cgroups)
		b = appendText(b, t.Root, maxName)

		b = binary.LittleEndian.AppendUint64(b, t.PidnsStart)
		b = binary.LittleEndian.AppendUint32(b, t.TTY)
		b = binary.LittleEndian.AppendUint32(b, t.LoginUID)
		b = appendBool(b, t.ExeWritable)
		for _, v := range [...]uint64{t.CapInheritable, t.CapPermitted, t.CapEffective} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		b = appendBool(b, t.ExeUpperLayer)
		for _, v := range [...]uint64{t.ExeIno, t.ExeCtime, t.ExeMtime} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		b = appendBool(b, t.ExeMemfd)
		b = appendBool(b, t.ExeLowerLayer)
		return binary.LittleEndian.AppendUint64(b, uint64(t.PGID))
	})
}

// append appends the entry of a descriptor; nothing for one of unknown type,
// which other readers do not expect.
func (f *FD) append(b []byte) []byte {
	if f.Type == procfs.FDUnknown {
		return b
	}
	return appendSized(b, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint64(b, uint64(f.Num))
		b = binary.LittleEndian.AppendUint64(b, f.Ino)
		typ := f.Type
		if typ == oldFile {
			typ = procfs.FDFile
		}
		b = append(b, byte(typ))
		switch n := addrLen(typ); typ {
		case procfs.FDIPv4, procfs.FDIPv6:
			b = appendAddr(b, f.Src.Addr(), n)
			b = appendAddr(b, f.Dst.Addr(), n)
			b = binary.LittleEndian.AppendUint16(b, f.Src.Port())
			b = binary.LittleEndian.AppendUint16(b, f.Dst.Port())
			b = append(b, byte(f.L4))
		case procfs.FDIPv4Server, procfs.FDIPv6Server:
			b = appendAddr(b, f.Src.Addr(), n)
			b = binary.LittleEndian.AppendUint16(b, f.Src.Port())
			b = append(b, byte(f.L4))
		case procfs.FDUnix:
			b = binary.LittleEndian.AppendUint64(b, f.Ptr)
			b = binary.LittleEndian.AppendUint64(b, f.Peer)
			b = appendText(b, f.Name, maxName)
		case procfs.FDFile:
			b = binary.LittleEndian.AppendUint32(b, f.Flags)
			b = appendText(b, f.Name, maxName)
			b = binary.LittleEndian.AppendUint32(b, f.Dev)
		default:
			b = appendText(b, f.Name, maxName)
		}
		return b
	})
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendText(b []byte, s string, limit int) []byte {
	s = s[:min(len(s), limit)]
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// appendList appends texts with their NULs, cut to what the format allows.
func appendList(b []byte, list []string) []byte {
	start := len(b)
	b = append(b, 0, 0)
	for _, s := range list {
		b = append(b, s...)
		b = append(b, 0)
		if len(b)-start-2 > maxList {
			b = b[:start+2+maxList]
			b[len(b)-1] = 0
			break
		}
	}
	binary.LittleEndian.PutUint16(b[start:], uint16(len(b)-start-2))
	return b
}

// appendAddr appends an address as n bytes in network order, zeros for one
// that is none or does not fit.
func appendAddr(b []byte, a netip.Addr, n int) []byte {
	if n == 4 {
		if a = a.Unmap(); a.Is4() {
			v := a.As4()
			return append(b, v[:]...)
		}
	} else if a.IsValid() {
		v := a.As16()
		return append(b, v[:]...)
	}
	return append(b, make([]byte, n)...)
}
