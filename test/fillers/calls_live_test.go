// SPDX-License-Identifier: Apache-2.0

//go:build linux

package fillers

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// builder makes the things that calls work on and keeps them alive.
type builder struct {
	pins runtime.Pinner
	fds  []int
}

func (b *builder) close() {
	for _, fd := range b.fds {
		_ = unix.Close(fd)
	}
	b.pins.Unpin()
}

// str returns the address of a string with its NUL.
func (b *builder) str(s string) uintptr { return b.bytes(append([]byte(s), 0)) }

func (b *builder) bytes(p []byte) uintptr {
	b.pins.Pin(&p[0])
	return uintptr(unsafe.Pointer(&p[0]))
}

// ptr returns the address of a value that the kernel reads or writes.
func ptr[T any](b *builder, v *T) uintptr {
	b.pins.Pin(v)
	return uintptr(unsafe.Pointer(v))
}

// iov returns the address of a vector of buffers.
func (b *builder) iov(parts ...string) uintptr {
	return uintptr(unsafe.Pointer(&b.vector(parts...)[0]))
}

func (b *builder) vector(parts ...string) []unix.Iovec {
	v := make([]unix.Iovec, len(parts))
	for i, p := range parts {
		buf := []byte(p)
		b.pins.Pin(&buf[0])
		v[i].Base = &buf[0]
		v[i].SetLen(len(buf))
	}
	b.pins.Pin(&v[0])
	return v
}

func (b *builder) keep(t *testing.T, fd int, err error) uintptr {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b.fds = append(b.fds, fd)
	return uintptr(fd)
}

// cwd is AT_FDCWD as the register holds it.
const cwd = ^uintptr(99)

// num returns an address-size number as the int that params compare with.
func num(v uintptr) int { return int(v) }

func (b *builder) calls(t *testing.T) []call {
	var out []call
	for _, group := range []func(*testing.T) []call{b.data, b.messages, b.files, b.paths, b.sockets, b.memory, b.ids, b.processes, b.descriptors, b.kernel, b.more} {
		out = append(out, group(t)...)
	}
	return out
}

func (b *builder) data(t *testing.T) []call {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("hello world"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	f := b.keep(t, fd, err)
	buf := b.bytes(make([]byte, 64))
	bad := ^uintptr(0)
	return []call{
		{"read", unix.SYS_READ, []uintptr{f, buf, 5}, scap.EvReadX, params{"res": 5, "fd": num(f), "size": 5, "data": []byte("hello")}},
		{"pread", unix.SYS_PREAD64, []uintptr{f, buf, 5, 6}, scap.EvPreadX, params{"fd": num(f), "size": 5, "pos": 6, "data": []byte("world")}},
		{"write", unix.SYS_WRITE, []uintptr{f, b.str("abc"), 3}, scap.EvWriteX, params{"res": 3, "data": []byte("abc"), "size": 3}},
		{"write that fails", unix.SYS_WRITE, []uintptr{bad, b.str("lost"), 4}, scap.EvWriteX, params{"res": -int(unix.EBADF), "fd": -1, "data": []byte("lost")}},
		{"pwrite", unix.SYS_PWRITE64, []uintptr{f, b.str("xy"), 2, 3}, scap.EvPwriteX, params{"data": []byte("xy"), "pos": 3}},
		{"writev", unix.SYS_WRITEV, []uintptr{f, b.iov("one", "two"), 2}, scap.EvWritevX, params{"data": []byte("onetwo"), "size": 6}},
		{"pwritev", unix.SYS_PWRITEV, []uintptr{f, b.iov("AB", "CD"), 2, 0}, scap.EvPwritevX, params{"data": []byte("ABCD"), "pos": 0}},
		{"preadv", unix.SYS_PREADV, []uintptr{f, b.iov("....", "...."), 2, 1}, scap.EvPreadvX, params{"size": 8, "pos": 1, "data": []byte("BCDyabco")}},
		{"lseek", unix.SYS_LSEEK, []uintptr{f, 2, unix.SEEK_SET}, scap.EvLseekX, params{"offset": 2, "whence": scap.LseekWhenceSet}},
		{"readv at the end", unix.SYS_READV, []uintptr{f, b.iov("...."), 1}, scap.EvReadvX, params{"fd": num(f), "size": 4}},
		{"fcntl", unix.SYS_FCNTL, []uintptr{f, unix.F_GETFD}, scap.EvFcntlX, params{"fd": num(f), "cmd": scap.FcntlCommandsGetfd}},
		{"flock", unix.SYS_FLOCK, []uintptr{f, unix.LOCK_EX | unix.LOCK_NB}, scap.EvFlockX, params{"fd": num(f), "operation": scap.FlockFlagsEx | scap.FlockFlagsNb}},
		{"ioctl", unix.SYS_IOCTL, []uintptr{f, 0x541b, 77}, scap.EvIoctlV3X, params{"fd": num(f), "request": 0x541b, "argument": 77}},
	}
}

// messages exercises what moves data over sockets.
func (b *builder) messages(t *testing.T) []call {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.fds = append(b.fds, pair[0], pair[1])
	out, in := uintptr(pair[0]), uintptr(pair[1])
	hdr := func(text string) *unix.Msghdr {
		h := &unix.Msghdr{Iov: &b.vector(text)[0]}
		h.SetIovlen(1)
		return h
	}
	type mmsg struct {
		hdr unix.Msghdr
		_   [2]uint32 // length, written by the kernel
	}
	many := &mmsg{hdr: *hdr("many")}
	got := &mmsg{hdr: *hdr("........")}
	buf := b.bytes(make([]byte, 32))
	return []call{
		{"sendto", unix.SYS_SENDTO, []uintptr{out, b.str("dgram"), 5}, scap.EvSendtoX, params{"res": 5, "fd": num(out), "size": 5, "data": []byte("dgram")}},
		{"recvfrom", unix.SYS_RECVFROM, []uintptr{in, buf, 32}, scap.EvRecvfromX, params{"res": 5, "fd": num(in), "size": 32, "data": []byte("dgram")}},
		{"sendmsg", unix.SYS_SENDMSG, []uintptr{out, ptr(b, hdr("message"))}, scap.EvSendmsgX, params{"res": 7, "size": 7, "data": []byte("message")}},
		{"recvmsg", unix.SYS_RECVMSG, []uintptr{in, ptr(b, hdr("0123456789"))}, scap.EvRecvmsgX, params{"res": 7, "fd": num(in), "size": 10, "data": []byte("message"), "msgcontrol": nil}},
		{"sendmmsg", unix.SYS_SENDMMSG, []uintptr{out, ptr(b, many), 1}, scap.EvSendmmsgX, params{"res": 4, "fd": num(out), "size": 4, "data": []byte("many")}},
		{"recvmmsg", unix.SYS_RECVMMSG, []uintptr{in, ptr(b, got), 1, unix.MSG_DONTWAIT}, scap.EvRecvmmsgX, params{"res": 4, "fd": num(in), "size": 8, "data": []byte("many")}},
	}
}

func (b *builder) files(t *testing.T) []call {
	dir := t.TempDir()
	a, c, ln := b.str(dir+"/a"), b.str(dir+"/c"), b.str(dir+"/ln")
	how := &unix.OpenHow{Flags: unix.O_RDWR | unix.O_CREAT, Mode: 0o640, Resolve: unix.RESOLVE_NO_SYMLINKS}
	return []call{
		{"mkdirat", unix.SYS_MKDIRAT, []uintptr{cwd, b.str(dir + "/d"), 0o750}, scap.EvMkdiratX, params{"dirfd": unix.AT_FDCWD, "path": dir + "/d", "mode": 0o750}},
		{"openat that makes the file", unix.SYS_OPENAT, []uintptr{cwd, a, unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL, 0o604}, scap.EvOpenatV2X, params{
			"dirfd": unix.AT_FDCWD, "name": dir + "/a", "mode": 0o604,
			"flags": scap.FileFlagsOWronly | scap.FileFlagsOCreat | scap.FileFlagsOExcl | scap.FileFlagsOFCreated,
		}},
		{"openat that fails", unix.SYS_OPENAT, []uintptr{cwd, b.str(dir + "/none"), unix.O_RDONLY | unix.O_DIRECTORY, 0o777}, scap.EvOpenatV2X, params{
			"fd": -int(unix.ENOENT), "mode": 0, "dev": 0, "ino": 0, "flags": scap.FileFlagsORdonly | scap.FileFlagsODirectory,
		}},
		{"openat2", unix.SYS_OPENAT2, []uintptr{cwd, c, ptr(b, how), unsafe.Sizeof(*how)}, scap.EvOpenat2X, params{
			"name": dir + "/c", "mode": 0o640, "resolve": scap.Openat2FlagsNoSymlinks,
			"flags": scap.FileFlagsORdwr | scap.FileFlagsOCreat | scap.FileFlagsOFCreated,
		}},
		{"fchmodat", unix.SYS_FCHMODAT, []uintptr{cwd, a, 0o4755}, scap.EvFchmodatX, params{"filename": dir + "/a", "mode": 0o4755}},
		{"fchownat", unix.SYS_FCHOWNAT, []uintptr{cwd, a, 0, 0, unix.AT_SYMLINK_NOFOLLOW}, scap.EvFchownatX, params{"pathname": dir + "/a", "uid": 0, "gid": 0, "flags": scap.FchownatFlagsSymlinkNofollow}},
		{"linkat", unix.SYS_LINKAT, []uintptr{cwd, a, cwd, b.str(dir + "/b"), unix.AT_SYMLINK_FOLLOW}, scap.EvLinkatV2X, params{"oldpath": dir + "/a", "newpath": dir + "/b", "flags": scap.LinkatFlagsSymlinkFollow}},
		{"symlinkat", unix.SYS_SYMLINKAT, []uintptr{b.str("target"), cwd, ln}, scap.EvSymlinkatX, params{"target": "target", "linkdirfd": unix.AT_FDCWD, "linkpath": dir + "/ln"}},
		{"renameat2", unix.SYS_RENAMEAT2, []uintptr{cwd, ln, cwd, b.str(dir + "/ln2"), unix.RENAME_NOREPLACE}, scap.EvRenameat2X, params{"oldpath": dir + "/ln", "newpath": dir + "/ln2", "flags": scap.Renameat2FlagsNoreplace}},
		{"unlinkat", unix.SYS_UNLINKAT, []uintptr{cwd, b.str(dir + "/d"), unix.AT_REMOVEDIR}, scap.EvUnlinkatV2X, params{"name": dir + "/d", "flags": scap.UnlinkatFlagsRemovedir}},
		{"mknodat", unix.SYS_MKNODAT, []uintptr{cwd, b.str(dir + "/fifo"), unix.S_IFIFO | 0o600, 0}, scap.EvMknodatX, params{"path": dir + "/fifo", "mode": unix.S_IFIFO | 0o600, "dev": 0}},
		{"chdir that fails", unix.SYS_CHDIR, []uintptr{b.str(dir + "/nowhere")}, scap.EvChdirX, params{"res": -int(unix.ENOENT), "path": dir + "/nowhere"}},
	}
}

func (b *builder) paths(*testing.T) []call {
	buf := b.bytes(make([]byte, 4096))
	wd, _ := os.Getwd()
	return []call{
		{"getcwd", unix.SYS_GETCWD, []uintptr{buf, 4096}, scap.EvGetcwdX, params{"path": wd}},
		{"path at a bad address", unix.SYS_CHDIR, []uintptr{8}, scap.EvChdirX, params{"res": -int(unix.EFAULT), "path": nil}},
		{"mount that fails", unix.SYS_MOUNT, []uintptr{b.str("dev"), b.str("/no/where"), b.str("ext4"), 0xc0ed0000 | unix.MS_RDONLY | unix.MS_NOSUID}, scap.EvMountX, params{"dev": "dev", "dir": "/no/where", "type": "ext4", "flags": scap.MountFlagsRdonly | scap.MountFlagsNosuid}},
		{"umount2 that fails", unix.SYS_UMOUNT2, []uintptr{b.str("/no/where"), unix.MNT_DETACH}, scap.EvUmount2X, params{"name": "/no/where", "flags": scap.UmountFlagsDetach}},
		{"chroot that fails", unix.SYS_CHROOT, []uintptr{b.str("/no/where")}, scap.EvChrootX, params{"path": "/no/where"}},
	}
}

func (b *builder) sockets(t *testing.T) []call {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	s := b.keep(t, fd, err)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	size, val, got := uint32(4), uint32(8192), uint32(0)
	times := &unix.Timeval{Sec: 2, Usec: 5}
	return []call{
		{"socket", unix.SYS_SOCKET, []uintptr{unix.AF_INET6, unix.SOCK_DGRAM | unix.SOCK_NONBLOCK, 17}, scap.EvSocketX, params{"domain": unix.AF_INET6, "proto": 17, "flags": scap.FileFlagsONonblock}},
		{"listen that fails", unix.SYS_LISTEN, []uintptr{s, 17}, scap.EvListenX, params{"fd": num(s), "backlog": 17}},
		{"shutdown", unix.SYS_SHUTDOWN, []uintptr{s, unix.SHUT_WR}, scap.EvShutdownX, params{"fd": num(s), "how": scap.ShutdownHowWr}},
		{"setsockopt with a number", unix.SYS_SETSOCKOPT, []uintptr{s, unix.SOL_SOCKET, unix.SO_RCVBUF, ptr(b, &val), 4}, scap.EvSetsockoptX, params{
			"level": scap.SockoptLevelsSolSocket, "optname": scap.SockoptOptionsSoRcvbuf, "val": dyn(2, val), "optlen": 4,
		}},
		{"setsockopt with a time", unix.SYS_SETSOCKOPT, []uintptr{s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, ptr(b, times), unsafe.Sizeof(*times)}, scap.EvSetsockoptX, params{
			"optname": scap.SockoptOptionsSoRcvtimeo, "val": dyn(4, uint64(2_000_005_000)),
		}},
		{"getsockopt", unix.SYS_GETSOCKOPT, []uintptr{s, unix.SOL_SOCKET, unix.SO_TYPE, ptr(b, &got), ptr(b, &size)}, scap.EvGetsockoptX, params{
			"optname": scap.SockoptOptionsSoType, "val": dyn(2, uint32(unix.SOCK_DGRAM)), "optlen": 4,
		}},
		{"getsockopt of the error", unix.SYS_GETSOCKOPT, []uintptr{s, unix.SOL_SOCKET, unix.SO_ERROR, ptr(b, &got), ptr(b, &size)}, scap.EvGetsockoptX, params{
			"optname": scap.SockoptOptionsSoError, "val": dyn(1, int64(0)),
		}},
	}
}

func (b *builder) memory(t *testing.T) []call {
	page := uintptr(os.Getpagesize())
	m, err := unix.Mmap(-1, 0, 4*int(page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	at := uintptr(unsafe.Pointer(&m[0]))
	flags := scap.MmapFlagsPrivate | scap.MmapFlagsAnonymous | scap.MmapFlagsPopulate | scap.MmapFlagsFixed
	return []call{
		{"mmap", unix.SYS_MMAP, []uintptr{at, page, unix.PROT_READ | unix.PROT_EXEC, unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_POPULATE | unix.MAP_FIXED, ^uintptr(0), 0}, scap.EvMmapX, params{
			"addr": num(at), "length": num(page), "prot": scap.ProtFlagsRead | scap.ProtFlagsExec, "flags": flags, "fd": -1, "offset": 0,
		}},
		{"mprotect", unix.SYS_MPROTECT, []uintptr{at, page, unix.PROT_READ}, scap.EvMprotectX, params{"addr": num(at), "length": num(page), "prot": scap.ProtFlagsRead}},
		{"mlock", unix.SYS_MLOCK, []uintptr{at, page}, scap.EvMlockX, params{"addr": num(at), "len": num(page)}},
		{"munmap", unix.SYS_MUNMAP, []uintptr{at, 4 * page}, scap.EvMunmapX, params{"addr": num(at), "length": num(4 * page), "vm_size": more(1000), "vm_rss": more(1000)}},
		{"memfd_create", unix.SYS_MEMFD_CREATE, []uintptr{b.str("mem"), unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING}, scap.EvMemfdCreateX, params{"name": "mem", "flags": scap.MemfdCreateFlagsCloexec | scap.MemfdCreateFlagsAllowSealing}},
	}
}

func (b *builder) ids(*testing.T) []call {
	none := ^uintptr(0)
	id := b.bytes(make([]byte, 12))
	uid, gid := os.Getuid(), os.Getgid()
	return []call{
		{"getuid", unix.SYS_GETUID, nil, scap.EvGetuidX, params{"uid": uid}},
		{"setresuid", unix.SYS_SETRESUID, []uintptr{none, uintptr(uid), none}, scap.EvSetresuidX, params{"ruid": -1, "euid": uid, "suid": -1}},
		{"setregid", unix.SYS_SETREGID, []uintptr{none, uintptr(gid)}, scap.EvSetregidX, params{"rgid": -1, "egid": gid}},
		{"getresuid", unix.SYS_GETRESUID, []uintptr{id, id + 4, id + 8}, scap.EvGetresuidX, params{"ruid": uid, "euid": uid, "suid": uid}},
		{"setpgid that fails", unix.SYS_SETPGID, []uintptr{^uintptr(0), 3}, scap.EvSetpgidX, params{"pid": -1, "pgid": 3}},
	}
}

func (b *builder) processes(*testing.T) []call {
	pid := uintptr(os.Getpid())
	limit := &unix.Rlimit{}
	wait := &unix.Timespec{Nsec: 1234}
	return []call{
		{"kill", unix.SYS_KILL, []uintptr{pid, 0}, scap.EvKillX, params{"pid": num(pid), "sig": 0}},
		{"tgkill that fails", unix.SYS_TGKILL, []uintptr{pid, 1, uintptr(unix.SIGTERM)}, scap.EvTgkillX, params{"pid": num(pid), "tid": 1, "sig": int(unix.SIGTERM)}},
		{"prlimit64", unix.SYS_PRLIMIT64, []uintptr{0, unix.RLIMIT_CORE, 0, ptr(b, limit)}, scap.EvPrlimitX, params{"newcur": -1, "newmax": -1, "pid": 0, "resource": scap.RlimitResourcesCore}},
		{"prctl with a name", unix.SYS_PRCTL, []uintptr{unix.PR_SET_NAME, b.str("fillers")}, scap.EvPrctlX, params{"option": scap.PrctlOptionsSetName, "arg2_str": "fillers", "arg2_int": 0}},
		{"prctl with a number", unix.SYS_PRCTL, []uintptr{unix.PR_SET_CHILD_SUBREAPER, 0}, scap.EvPrctlX, params{"option": scap.PrctlOptionsSetChildSubreaper, "arg2_str": nil, "arg2_int": 0}},
		{"setns that fails", unix.SYS_SETNS, []uintptr{^uintptr(0), unix.CLONE_NEWNET}, scap.EvSetnsX, params{"fd": -1, "nstype": scap.CloneFlagsNewnet}},
		{"unshare", unix.SYS_UNSHARE, []uintptr{0}, scap.EvUnshareX, params{"flags": 0}},
		{"ptrace that fails", unix.SYS_PTRACE, []uintptr{unix.PTRACE_SEIZE, 0x7fffffff, 5, 6}, scap.EvPtraceX, params{"request": scap.PtraceRequestsSeize, "pid": 0x7fffffff, "addr": dyn(0, uint64(5))}},
		{"pidfd_open", unix.SYS_PIDFD_OPEN, []uintptr{pid, 0}, scap.EvPidfdOpenX, params{"pid": num(pid), "flags": 0}},
		{"nanosleep", unix.SYS_NANOSLEEP, []uintptr{ptr(b, wait)}, scap.EvNanosleepX, params{"interval": 1234}},
	}
}

func (b *builder) descriptors(t *testing.T) []call {
	fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	f := b.keep(t, fd, err)
	polled := []unix.PollFd{{Fd: int32(f), Events: unix.POLLOUT}}
	b.pins.Pin(&polled[0])
	set := uint64(1 << 9)
	at := func(p *unix.PollFd) uintptr { return uintptr(unsafe.Pointer(p)) }
	ready := append([]byte{1, 0}, byte(f), byte(f>>8), 0, 0, 0, 0, 0, 0, byte(scap.PollFlagsOut), 0)
	const spare = 900
	return []call{
		{"dup", unix.SYS_DUP, []uintptr{f}, scap.EvDupV1X, params{"oldfd": num(f)}},
		{"dup3", unix.SYS_DUP3, []uintptr{f, spare, unix.O_CLOEXEC}, scap.EvDup3X, params{"oldfd": num(f), "newfd": spare, "flags": scap.FileFlagsOCloexec}},
		{"close", unix.SYS_CLOSE, []uintptr{spare}, scap.EvCloseX, params{"fd": spare}},
		{"close that fails", unix.SYS_CLOSE, []uintptr{spare}, scap.EvCloseX, params{"res": -int(unix.EBADF), "fd": spare}},
		{"close_range", unix.SYS_CLOSE_RANGE, []uintptr{spare, spare + 1, 4}, scap.EvCloseRangeX, params{"first": spare, "last": spare + 1, "flags": scap.CloseRangeFlagsCloexec}},
		{"ppoll", unix.SYS_PPOLL, []uintptr{at(&polled[0]), 1, 0, 0, 8}, scap.EvPpollX, params{"fds": ready, "timeout": -1}},
		{"eventfd2", unix.SYS_EVENTFD2, []uintptr{3, unix.EFD_CLOEXEC | unix.EFD_NONBLOCK}, scap.EvEventfd2X, params{"initval": 3, "flags": scap.FileFlagsOCloexec | scap.FileFlagsONonblock}},
		{"signalfd4", unix.SYS_SIGNALFD4, []uintptr{^uintptr(0), ptr(b, &set), 8, unix.SFD_CLOEXEC}, scap.EvSignalfd4X, params{"fd": -1, "mask": 1 << 9, "flags": scap.FileFlagsOCloexec}},
		{"epoll_create1", unix.SYS_EPOLL_CREATE1, []uintptr{unix.EPOLL_CLOEXEC}, scap.EvEpollCreate1X, params{"flags": scap.EpollCreate1FlagsCloexec}},
		{"inotify_init1", unix.SYS_INOTIFY_INIT1, []uintptr{unix.IN_NONBLOCK}, scap.EvInotifyInit1X, params{"flags": scap.FileFlagsONonblock}},
	}
}

func (b *builder) kernel(*testing.T) []call {
	return []call{
		{"init_module that fails", unix.SYS_INIT_MODULE, []uintptr{b.str("no module"), 9, b.str("a=1")}, scap.EvInitModuleX, params{"img": []byte("no module"), "length": 9, "uargs": "a=1"}},
		{"finit_module that fails", unix.SYS_FINIT_MODULE, []uintptr{^uintptr(0), b.str("a=2"), unix.MODULE_INIT_IGNORE_VERMAGIC}, scap.EvFinitModuleX, params{"fd": -1, "uargs": "a=2", "flags": scap.FinitModuleFlagsIgnoreVermagic}},
		{"delete_module that fails", unix.SYS_DELETE_MODULE, []uintptr{b.str("no_such_module"), unix.O_NONBLOCK}, scap.EvDeleteModuleX, params{"name": "no_such_module", "flags": scap.DeleteModuleFlagsONonblock}},
		{"bpf that fails", unix.SYS_BPF, []uintptr{0xff, 0, 0}, scap.EvBpfV2X, params{"fd": -int(unix.EINVAL), "cmd": 0xff}},
		{"keyctl with strings", unix.SYS_KEYCTL, []uintptr{unix.KEYCTL_SEARCH, ^uintptr(2), b.str("user"), b.str("none"), 0}, scap.EvKeyctlX, params{
			"operation": scap.KeyctlOperationsSearch, "arg2": dyn(0, int64(-3)), "arg3": append([]byte{1}, "user\x00"...), "arg4": append([]byte{1}, "none\x00"...), "arg5": dyn(0, int64(0)),
		}},
		{"capset that fails", unix.SYS_CAPSET, []uintptr{8, 8}, scap.EvCapsetX, params{"res": -int(unix.EFAULT)}},
		{"quotactl that asks for limits", unix.SYS_QUOTACTL, []uintptr{0x800007 << 8, b.str("/dev/none"), 1000, ptr(b, &[9]uint64{})}, scap.EvQuotactlX, params{
			"special": "/dev/none", "quotafilepath": nil, "dqb_bhardlimit": 0, "dqi_flags": 0, "cmd": scap.QuotactlCmdsQGetquota,
			"type": scap.QuotactlTypesUsrquota, "id": 1000, "quota_fmt": scap.QuotactlQuotaFmtsQfmtNotUsed, "quota_fmt_out": scap.QuotactlQuotaFmtsQfmtNotUsed,
		}},
		{"quotactl that sets limits", unix.SYS_QUOTACTL, []uintptr{0x800008<<8 | 1, b.str("/dev/none"), 1001, ptr(b, &[...]uint64{1, 2, 3, 4, 5, 6, 7, 8, 0x3f})}, scap.EvQuotactlX, params{
			"dqb_bhardlimit": 1, "dqb_bsoftlimit": 2, "dqb_curspace": 3, "dqb_ihardlimit": 4, "dqb_isoftlimit": 5, "dqb_btime": 7, "dqb_itime": 8,
			"cmd": scap.QuotactlCmdsQSetquota, "type": scap.QuotactlTypesGrpquota, "id": 1001,
		}},
		{"quotactl that sets one limit", unix.SYS_QUOTACTL, []uintptr{0x800008 << 8, b.str("/dev/none"), 1001, ptr(b, &[...]uint64{1, 2, 3, 4, 5, 6, 7, 8, 1})}, scap.EvQuotactlX, params{
			"dqb_bhardlimit": 1, "dqb_bsoftlimit": 2, "dqb_curspace": 0, "dqb_ihardlimit": 0, "dqb_itime": 0,
		}},
		{"quotactl that sets the grace times", unix.SYS_QUOTACTL, []uintptr{0x800006 << 8, b.str("/dev/none"), 0, ptr(b, &[...]uint64{60, 70, 7<<32 | 1})}, scap.EvQuotactlX, params{
			"dqi_bgrace": 60, "dqi_igrace": 70, "dqi_flags": scap.QuotactlDqiFlagsV1DqfRsquash, "cmd": scap.QuotactlCmdsQSetinfo, "id": 0,
		}},
		{"quotactl that turns quotas on", unix.SYS_QUOTACTL, []uintptr{0x800002 << 8, b.str("/dev/none"), 2, b.str("/quota.user")}, scap.EvQuotactlX, params{
			"quotafilepath": "/quota.user", "cmd": scap.QuotactlCmdsQQuotaon, "quota_fmt": scap.QuotactlQuotaFmtsQfmtVfsV0, "id": 0,
		}},
	}
}
