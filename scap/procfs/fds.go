// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// owner is the process whose descriptors are read.
type owner struct {
	dir          dir
	netns, mntns uint64
}

// readFDs reads the descriptors of a process into p.FDs, by number. The
// process began that many clock ticks after the boot.
func (r *Reader) readFDs(o owner, p *Process, ticks uint64) {
	if r.knownFDs(o, p, ticks) {
		return
	}
	fdDir, err := openDir(o.dir, "fd")
	if err != nil {
		return
	}
	defer fdDir.close()
	r.nums, _ = fdDir.numbers(r.nums[:0], r.buf[:])
	slices.Sort(r.nums)
	nums := r.nums
	if r.opts.MaxFDs > 0 && len(nums) > r.opts.MaxFDs {
		nums, p.FDsCut = nums[:r.opts.MaxFDs], true
	}
	if len(nums) == 0 {
		return
	}
	infoDir, err := openPath(o.dir, "fdinfo")
	if err != nil {
		infoDir = noDir
	} else {
		defer infoDir.close()
	}
	for _, n := range nums {
		if fd, ok := r.readFD(o, fdDir, infoDir, n); ok {
			p.FDs = append(p.FDs, fd)
		}
	}
}

// readFD reads one descriptor; ok is false when it is gone.
func (r *Reader) readFD(o owner, fdDir, infoDir dir, num int64) (fd FD, ok bool) {
	name := strconv.FormatInt(num, 10)
	link, err := fdDir.link(name, r.link[:])
	if err != nil {
		return fd, false
	}
	fd.Num = num
	var info fdInfo
	if infoDir != noDir {
		if b, err := infoDir.readOnce(name, r.buf[:]); err == nil {
			info = parseFDInfo(b)
			fd.Flags = OpenFlags(info.flags)
			fd.MountID = info.mount
		}
	}
	switch {
	case len(link) > 0 && link[0] == '/':
		r.fileFD(o, fdDir, name, link, &fd)
	default:
		r.otherFD(o, fdDir, name, link, info, &fd)
	}
	return fd, true
}

// fileFD fills in a descriptor that has a path.
func (r *Reader) fileFD(o owner, fdDir dir, name string, link []byte, fd *FD) {
	var st unix.Stat_t
	if unix.Fstatat(int(fdDir), name, &st, 0) != nil {
		st.Mode = 0
	}
	r.fileOf(o, link, st.Mode, st.Ino, kernelDev(uint64(st.Dev)), fd)
}

// fileOf fills in a descriptor that has a path, given what its inode tells; a
// mode of 0 is that of an inode that cannot be asked.
func (r *Reader) fileOf(o owner, link []byte, mode uint32, ino uint64, dev uint32, fd *FD) {
	fd.Name = string(link)
	fd.Type = FDFile
	if memfd, ok := strings.CutPrefix(fd.Name, "/memfd:"); ok {
		fd.Type = FDMemfd
		fd.Name = strings.TrimSuffix(memfd, deletedSuffix)
	}
	if mode == 0 {
		return
	}
	fd.Ino, fd.Dev = ino, dev
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		fd.Type = FDDirectory
		return
	case unix.S_IFIFO:
		fd.Type = FDFIFO
		return
	case unix.S_IFREG:
	default:
		return
	}
	if fd.Type == FDFile && fd.MountID != 0 {
		fd.Upper, fd.Lower = r.layer(r.mounts(o.dir, o.mntns).byID(fd.MountID), fd.Name)
	}
}

// otherFD fills in a descriptor whose link is a description.
func (r *Reader) otherFD(o owner, fdDir dir, num string, link []byte, info fdInfo, fd *FD) {
	ino, ok := linkInode(link, "socket")
	if !ok {
		r.plainFD(link, info.pid, fd)
		return
	}
	s, ok := r.socket(o.dir, o.netns, ino)
	if !ok {
		s = socketProtocol(fdDir, num)
		s.path = string(link)
	}
	s.fill(ino, fd)
}

// fill makes fd the socket with that inode.
func (s *socket) fill(ino uint64, fd *FD) {
	fd.Ino, fd.Name = ino, s.path
	fd.Type, fd.L4, fd.Listen = s.kind, s.l4, s.listen
	fd.Src, fd.Dst, fd.Ptr = s.src, s.dst, s.ptr
}

// plainFD fills in a descriptor that is neither a file nor a socket; pid is
// the target of a pidfd.
func (r *Reader) plainFD(link []byte, pid int64, fd *FD) {
	fd.Name = string(link)
	if ino, ok := linkInode(link, "pipe"); ok {
		fd.Type, fd.Ino = FDFIFO, ino
		return
	}
	if kind, ok := bytes.CutPrefix(link, []byte("anon_inode:")); ok {
		fd.Type = anonymousType(kind)
	} else {
		fd.Type = FDUnsupported
		if bytes.HasPrefix(link, []byte("pidfd:")) {
			fd.Type = FDPidfd
		}
	}
	if fd.Type == FDPidfd {
		fd.PID = pid
	}
}

// anonymousTypes are the kinds of anonymous inodes by their names in the
// kernel.
var anonymousTypes = map[string]FDType{
	"eventfd":     FDEvent,
	"eventpoll":   FDEventpoll,
	"inotify":     FDInotify,
	"signalfd":    FDSignalfd,
	"timerfd":     FDTimerfd,
	"userfaultfd": FDUserfaultfd,
	"io_uring":    FDIOURing,
	"pidfd":       FDPidfd,
	"bpf-map":     FDBPF,
	"bpf-prog":    FDBPF,
	"bpf_link":    FDBPF,
	"bpf-link":    FDBPF,
	"bpf_iter":    FDBPF,
	"bpf-iter":    FDBPF,
	"btf":         FDBPF,
}

// anonymousType takes the name with or without brackets: kernels differ.
func anonymousType(name []byte) FDType {
	name = bytes.TrimSuffix(bytes.TrimPrefix(name, []byte("[")), []byte("]"))
	if t, ok := anonymousTypes[string(name)]; ok {
		return t
	}
	return FDUnsupported
}

// kernelDev turns a device number of stat into the encoding that events carry
// (new_encode_dev of the kernel).
func kernelDev(dev uint64) uint32 {
	return encodeDev(unix.Major(dev), unix.Minor(dev))
}

func encodeDev(major, minor uint32) uint32 {
	return minor&0xff | major<<8 | minor&^0xff<<12
}
