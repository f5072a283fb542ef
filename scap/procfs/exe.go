// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strings"

	"golang.org/x/sys/unix"
)

// capDACOverride is the capability that makes every file writable.
const capDACOverride = 1 << 1

// readExe reads what runs in the process; ok is false when there is no file,
// as in a process that is about to end. A file that we may not look at stays
// unknown: the process is there all the same.
func (r *Reader) readExe(o owner, p *Process, status []byte) (ok bool) {
	link, err := o.dir.link("exe", r.link[:])
	if err != nil {
		return err == unix.EACCES || err == unix.EPERM
	}
	path, deleted := strings.CutSuffix(string(link), deletedSuffix)
	p.ExePath, p.ExeDeleted = path, deleted
	p.ExeMemfd = strings.HasPrefix(path, "/memfd:")
	var st unix.Stat_t
	if unix.Fstatat(int(o.dir), "exe", &st, 0) != nil {
		return true
	}
	p.ExeIno = st.Ino
	p.ExeCtime = uint64(st.Ctim.Nano())
	p.ExeMtime = uint64(st.Mtim.Nano())
	if p.ExeMemfd {
		p.ExeWritable = true
		return true
	}
	m := r.mounts(o.dir, o.mntns).holding(path)
	p.ExeUpperLayer, p.ExeLowerLayer = r.layer(m, path)
	p.ExeWritable = (m == nil || !m.readonly) && writable(&st, &p.Main, status)
	return true
}

// writable answers like the kernel's permission check for a thread.
func writable(st *unix.Stat_t, t *Thread, status []byte) bool {
	switch {
	case t.CapEffective&capDACOverride != 0:
		return true
	case st.Uid == t.UID:
		return st.Mode&unix.S_IWUSR != 0
	case st.Gid == t.GID || parseGroups(status, func(g uint32) bool { return g == st.Gid }):
		return st.Mode&unix.S_IWGRP != 0
	}
	return st.Mode&unix.S_IWOTH != 0
}
