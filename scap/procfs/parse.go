// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"math"
	"strings"
)

// What the kernel prints is trusted to be well formed, not to be there: a
// parser takes what it finds, skips what it does not know and never fails.

// threadStat is what a stat file tells beside the ids.
type threadStat struct {
	state   byte
	flags   uint32 // PF_*
	threads int64
	start   uint64 // clock ticks since the boot
	levels  int    // of the status file: see parseStatus
}

const kernelThread = 0x00200000 // PF_KTHREAD

// ticksPerSecond is USER_HZ: 100 on every architecture that Linux supports
// today but alpha.
const ticksPerSecond = 100

// parseStat reads a stat file into t. The name of the program stands in
// parentheses and may hold any byte, parentheses too, so the last one counts.
func parseStat(b []byte, t *Thread) (s threadStat, ok bool) {
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open {
		return s, false
	}
	t.Comm = unescape(b[open+1 : shut])
	f := fields{rest: b[shut+1:]}
	state := f.next()
	if len(state) != 1 {
		return s, false
	}
	s.state = state[0]
	t.PTID = f.int()
	t.PGID = f.int()
	t.SID = f.int()
	t.TTY = uint32(f.int())
	f.skip(1) // foreground group of the terminal
	s.flags = uint32(f.uint())
	t.PfMinor = f.uint()
	f.skip(1) // those of children
	t.PfMajor = f.uint()
	f.skip(1 + 4 + 2) // children's, four times, priority and nice
	s.threads = f.int()
	f.skip(1)
	s.start = f.uint()
	return s, s.state != 0
}

// parseStatus reads a status file into t, and returns how many pid namespaces
// there are from that of /proc down to the thread's own (0: not told).
func parseStatus(b []byte, t *Thread) (levels int) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		key, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		f := fields{rest: value}
		switch string(key) {
		case "Tgid":
			t.PID = f.int()
		case "Pid":
			t.TID = f.int()
		case "PPid":
			t.PTID = f.int()
		case "Uid":
			f.skip(1)
			t.UID = uint32(f.uint())
		case "Gid":
			f.skip(1)
			t.GID = uint32(f.uint())
		case "NStgid":
			t.VPID = f.last()
		case "NSpid":
			t.VTID = f.last()
			levels = f.words
		case "NSpgid":
			t.VPGID = f.last()
		case "NSsid":
			t.VSID = f.last()
		case "VmSize":
			t.VMSize = uint32(f.uint())
		case "VmRSS":
			t.VMRSS = uint32(f.uint())
		case "VmSwap":
			t.VMSwap = uint32(f.uint())
		case "CapInh":
			t.CapInheritable = hex(f.next())
		case "CapPrm":
			t.CapPermitted = hex(f.next())
		case "CapEff":
			t.CapEffective = hex(f.next())
			return levels // nothing that matters follows
		}
	}
	return levels
}

// parseGroups returns the supplementary groups of a status file.
func parseGroups(b []byte, have func(gid uint32) bool) bool {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		if value, ok := bytes.CutPrefix(line, []byte("Groups:")); ok {
			f := fields{rest: value}
			for g := f.next(); len(g) > 0; g = f.next() {
				if have(uint32(decimal(g))) {
					return true
				}
			}
			return false
		}
	}
	return false
}

// splitStrings appends the NUL-terminated strings of b to list. They share one
// copy of b. The last one may lack its NUL.
func splitStrings(list []string, b []byte) []string {
	s := string(b)
	for len(s) > 0 {
		var one string
		one, s, _ = strings.Cut(s, "\x00")
		list = append(list, one)
	}
	return list
}

// parseCgroups appends subsystem=path for each line of a cgroup file. A line
// without a subsystem is that of the unified hierarchy: its path stands for
// all controllers of that hierarchy.
func parseCgroups(list []string, b []byte, unified []string) []string {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		_, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		names, path, ok := bytes.Cut(rest, []byte(":"))
		if !ok {
			continue
		}
		if len(names) == 0 {
			for _, c := range unified {
				list = append(list, c+"="+string(path))
			}
			continue
		}
		for len(names) > 0 {
			var one []byte
			one, names, _ = bytes.Cut(names, []byte(","))
			list = append(list, string(one)+"="+string(path))
		}
	}
	return list
}

// parseFDLimit returns the soft limit of descriptors of a limits file.
func parseFDLimit(b []byte) int64 {
	_, after, ok := bytes.Cut(b, []byte("Max open files"))
	if !ok {
		return NoID
	}
	f := fields{rest: after}
	soft := f.next()
	if string(soft) == "unlimited" {
		return math.MaxInt64
	}
	if len(soft) == 0 {
		return NoID
	}
	return int64(decimal(soft))
}

// fdInfo is what an fdinfo file tells.
type fdInfo struct {
	flags uint32 // native
	mount uint32
	pid   int64 // of a pidfd
}

func parseFDInfo(b []byte) (i fdInfo) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		key, value, _ := bytes.Cut(line, []byte(":"))
		f := fields{rest: value}
		switch string(key) {
		case "flags":
			i.flags = uint32(octal(f.next()))
		case "mnt_id":
			i.mount = uint32(f.uint())
		case "Pid":
			i.pid = f.int()
		}
	}
	return i
}

// linkInode returns the inode out of a link text such as "socket:[1234]".
func linkInode(link []byte, kind string) (ino uint64, ok bool) {
	rest, ok := bytes.CutPrefix(link, []byte(kind))
	if !ok || len(rest) < 4 || rest[0] != ':' || rest[1] != '[' || rest[len(rest)-1] != ']' {
		return 0, false
	}
	return decimal(rest[2 : len(rest)-1]), true
}

// unescape undoes what the kernel does to a program name in stat: newline and
// backslash are written as \n and \\.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	return strings.NewReplacer(`\n`, "\n", `\\`, `\`).Replace(string(b))
}

func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// fields walks over blank-separated words.
type fields struct {
	rest  []byte
	words int // those that last has passed
}

func (f *fields) next() []byte {
	i := 0
	for i < len(f.rest) && blank(f.rest[i]) {
		i++
	}
	j := i
	for j < len(f.rest) && !blank(f.rest[j]) {
		j++
	}
	w := f.rest[i:j]
	f.rest = f.rest[j:]
	return w
}

func (f *fields) skip(n int) {
	for range n {
		f.next()
	}
}

// last returns the last of the numbers.
func (f *fields) last() int64 {
	v := int64(NoID)
	for w := f.next(); len(w) > 0; w = f.next() {
		v = int64(decimal(w))
		f.words++
	}
	return v
}

func (f *fields) uint() uint64 { return decimal(f.next()) }

func (f *fields) int() int64 {
	w := f.next()
	if len(w) > 0 && w[0] == '-' {
		return -int64(decimal(w[1:]))
	}
	return int64(decimal(w))
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// The number parsers stop at the first byte that is no digit.

func decimal(b []byte) (v uint64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		v = v*10 + uint64(c-'0')
	}
	return v
}

func octal(b []byte) (v uint64) {
	for _, c := range b {
		if c < '0' || c > '7' {
			break
		}
		v = v<<3 | uint64(c-'0')
	}
	return v
}

func hex(b []byte) (v uint64) {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			v = v<<4 | uint64(c|0x20-'a'+10)
		default:
			return v
		}
	}
	return v
}
