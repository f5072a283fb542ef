// SPDX-License-Identifier: Apache-2.0

//go:build linux

package fillers

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// hostArch is the architecture whose numbers the calls are made by.
func hostArch() scap.Arch {
	return map[string]scap.Arch{"amd64": scap.AMD64, "arm64": scap.ARM64}[runtime.GOARCH]
}

// here makes calls of the codes in front of them, and leaves out those that
// this architecture does not have.
func here(calls ...struct {
	sc scap.SC
	call
}) []call {
	var out []call
	for _, c := range calls {
		if nr := c.sc.Info().Number[hostArch()]; nr >= 0 {
			c.nr = uintptr(nr)
			out = append(out, c.call)
		}
	}
	return out
}

type coded = struct {
	sc scap.SC
	call
}

// by is a call by its code.
func by(sc scap.SC, event scap.EventType, want params, args ...uintptr) coded {
	return coded{sc, call{name: sc.Info().Name, args: args, event: event, want: want}}
}

const bad = ^uintptr(0) // no descriptor

// more are calls that exist on some architectures only, and rare ones.
func (b *builder) more(t *testing.T) []call {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("hello world"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_CLOEXEC, 0)
	f := b.keep(t, fd, err)
	path, node := b.str(file), b.str(file+".node")
	var stat unix.Stat_t
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	uid, gid := uintptr(os.Getuid()), uintptr(os.Getgid())
	buf := b.bytes(make([]byte, 256))
	pid := uintptr(os.Getpid())
	polled := []unix.PollFd{{Fd: int32(f), Events: unix.POLLOUT}}
	b.pins.Pin(&polled[0])
	ready := append([]byte{1, 0}, byte(f), byte(f>>8), 0, 0, 0, 0, 0, 0, byte(scap.PollFlagsOut), 0)
	cwd := ^uintptr(99)
	owner := params{"uid": int(uid), "gid": int(gid)}
	with := func(p params, name string, v any) params {
		out := params{name: v}
		for k, x := range p {
			out[k] = x
		}
		return out
	}
	calls := []coded{
		by(scap.SCStat, scap.EvStatX, params{"path": file}, path, ptr(b, &stat)),
		by(scap.SCLstat, scap.EvLstatX, params{"path": file}, path, ptr(b, &stat)),
		by(scap.SCFstat, scap.EvFstatX, params{"fd": num(f)}, f, ptr(b, &stat)),
		by(scap.SCNewfstatat, scap.EvNewfstatatX, params{"dirfd": -100, "path": file}, cwd, path, ptr(b, &stat), unix.AT_SYMLINK_NOFOLLOW),
		by(scap.SCAccess, scap.EvAccessX, params{"name": file}, path, unix.R_OK),
		by(scap.SCChown, scap.EvChownX, with(owner, "path", file), path, uid, gid),
		by(scap.SCLchown, scap.EvLchownX, with(owner, "path", file), path, uid, gid),
		by(scap.SCFchown, scap.EvFchownX, with(owner, "fd", num(f)), f, uid, gid),
		by(scap.SCFchmod, scap.EvFchmodX, params{"fd": num(f), "mode": 0o640}, f, 0o640),
		by(scap.SCMknod, scap.EvMknodX, params{"path": file + ".node", "dev": 0}, node, unix.S_IFIFO|0o600, 0),
		by(scap.SCMknod, scap.EvMknodX, params{"res": -int(unix.EEXIST), "path": file + ".node"}, node, unix.S_IFIFO|0o600, 0),
		by(scap.SCGetdents, scap.EvGetdentsX, params{"res": -int(unix.ENOTDIR), "fd": num(f)}, f, buf, 256),
		by(scap.SCGetdents64, scap.EvGetdents64X, params{"res": -int(unix.ENOTDIR), "fd": num(f)}, f, buf, 256),
		by(scap.SCOpenByHandleAt, scap.EvOpenByHandleAtX, params{"mountfd": -1, "path": nil, "ino": 0}, bad, buf, unix.O_RDONLY),

		by(scap.SCSendfile, scap.EvSendfileX, params{"res": 5, "out_fd": num(f), "in_fd": num(f), "size": 5}, f, f, ptr(b, new(int64)), 5),
		by(scap.SCSplice, scap.EvSpliceX, params{"fd_in": -1, "fd_out": -1, "size": 10, "flags": scap.SpliceFlagsFMove}, bad, 0, bad, 0, 10, 1),
		by(scap.SCCopyFileRange, scap.EvCopyFileRangeX, params{"fdin": -1, "offin": 5, "fdout": -1, "offout": 6, "len": 100}, bad, b.word(5), bad, b.word(6), 100, 0),
		by(scap.SCPoll, scap.EvPollX, params{"fds": ready, "timeout": 0}, ptr(b, &polled[0]), 1, 0),
		by(scap.SCSelect, scap.EvSelectX, nil, 0, 0, 0, 0, ptr(b, &unix.Timeval{})),
		by(scap.SCEpollCreate, scap.EvEpollCreateX, params{"size": 7}, 7),
		by(scap.SCEpollWait, scap.EvEpollwaitX, params{"res": -int(unix.EBADF), "maxevents": 7}, bad, buf, 7, 0),
		by(scap.SCEventfd, scap.EvEventfdX, params{"initval": 4}, 4),
		by(scap.SCSignalfd, scap.EvSignalfdX, params{"fd": -1}, bad, b.word(1<<9), 8),
		by(scap.SCInotifyInit, scap.EvInotifyInitX, params{"flags": 0}),
		by(scap.SCTimerfdCreate, scap.EvTimerfdCreateX, nil, unix.CLOCK_MONOTONIC, 0),
		by(scap.SCUserfaultfd, scap.EvUserfaultfdX, params{"flags": scap.FileFlagsOCloexec | scap.FileFlagsONonblock}, unix.O_CLOEXEC|unix.O_NONBLOCK),

		by(scap.SCBrk, scap.EvBrkV4X, params{"addr": 0, "vm_size": more(1000)}, 0),
		by(scap.SCMunlock, scap.EvMunlockX, params{"addr": num(buf &^ 4095), "len": 1}, buf&^4095, 1),
		by(scap.SCMlock2, scap.EvMlock2X, params{"res": -int(unix.EINVAL), "addr": 4096, "len": 8}, 4096, 8, 0x100),
		by(scap.SCMlockall, scap.EvMlockallX, params{"res": -int(unix.EINVAL), "flags": scap.MlockallFlagsOnfault}, unix.MCL_ONFAULT),
		by(scap.SCMunlockall, scap.EvMunlockallX, nil),

		by(scap.SCFutex, scap.EvFutexX, params{"res": 0, "addr": num(buf), "val": 1}, buf, 1|128, 1),
		by(scap.SCSemop, scap.EvSemopX, params{
			"nsops": 2, "semid": -1, "sem_num_0": 1, "sem_op_0": -1, "sem_flg_0": scap.SemopFlagsIpcNowait,
			"sem_num_1": 2, "sem_op_1": 3, "sem_flg_1": scap.SemopFlagsSemUndo,
		}, bad, b.words(1, 0xffff, 0o4000, 2, 3, 0x1000), 2),
		by(scap.SCSemctl, scap.EvSemctlX, params{"semid": -1, "semnum": 3, "cmd": scap.SemctlCommandsSetval, "val": 42}, bad, 3, 16, 42),
		by(scap.SCSetrlimit, scap.EvSetrlimitX, params{"res": 0, "resource": scap.RlimitResourcesCore}, unix.RLIMIT_CORE, ptr(b, &limit)),
		by(scap.SCTkill, scap.EvTkillX, params{"res": -int(unix.ESRCH), "tid": 0x3fffffff, "sig": int(unix.SIGTERM)}, 0x3fffffff, uintptr(unix.SIGTERM)),
		by(scap.SCGeteuid, scap.EvGeteuidX, params{"euid": os.Geteuid()}),
		by(scap.SCGetegid, scap.EvGetegidX, params{"egid": os.Getegid()}),
		by(scap.SCGetresgid, scap.EvGetresgidX, params{"rgid": int(gid), "egid": int(gid), "sgid": int(gid)}, buf, buf+4, buf+8),
		by(scap.SCSeccomp, scap.EvSeccompX, params{"op": 77, "flags": 3}, 77, 3, 0),
		by(scap.SCPidfdGetfd, scap.EvPidfdGetfdX, params{"fd": -int(unix.EBADF), "pid_fd": -1, "target_fd": 7, "flags": 0}, bad, 7, 0),
		by(scap.SCProcessVmReadv, scap.EvProcessVmReadvX, params{"res": 5, "pid": num(pid), "data": []byte("other")}, pid, b.iov("local"), 1, b.iov("other"), 1, 0),
		by(scap.SCProcessVmReadv, scap.EvProcessVmReadvX, params{"res": -int(unix.ESRCH), "pid": 0x3fffffff, "data": nil}, 0x3fffffff, b.iov("local"), 1, b.iov("other"), 1, 0),
		by(scap.SCProcessVmWritev, scap.EvProcessVmWritevX, params{"res": 5, "pid": num(pid), "data": []byte("local")}, pid, b.iov("local"), 1, b.iov("other"), 1, 0),

		by(scap.SCIoUringSetup, scap.EvIoUringSetupX, params{"entries": 1, "flags": 0}, 1, b.bytes(make([]byte, 120))),
		by(scap.SCIoUringEnter, scap.EvIoUringEnterX, params{"fd": -1, "to_submit": 3, "min_complete": 2, "flags": 1}, bad, 3, 2, 1, 0, 0),
		by(scap.SCIoUringRegister, scap.EvIoUringRegisterX, params{"fd": -1, "arg": 5, "nr_args": 7}, bad, 0, 5, 7),
		by(scap.SCFsconfig, scap.EvFsconfigX, params{"fd": -1, "cmd": 1, "key": "key", "value_bytebuf": nil, "value_charbuf": "value", "aux": 0}, bad, 1, b.str("key"), b.str("value"), 0),
		by(scap.SCFsconfig, scap.EvFsconfigX, params{"fd": -1, "cmd": 2, "key": "key", "value_bytebuf": []byte("bytes"), "value_charbuf": nil, "aux": 5}, bad, 2, b.str("key"), b.str("bytes"), 5),
		by(scap.SCGetsockname, scap.EvGetsocknameX, nil, bad, buf, buf),
		by(scap.SCGetpeername, scap.EvGetpeernameX, nil, bad, buf, buf),
	}
	if h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, file, 0); err == nil {
		raw := binary.NativeEndian.AppendUint32(nil, uint32(h.Size()))
		raw = append(binary.NativeEndian.AppendUint32(raw, uint32(h.Type())), h.Bytes()...)
		calls = append(calls, by(scap.SCOpenByHandleAt, scap.EvOpenByHandleAtX, params{"mountfd": num(f), "path": file, "ino": more(0)}, f, b.bytes(raw), unix.O_RDONLY))
	}
	return here(calls...)
}

// word is a 64-bit number in memory.
func (b *builder) word(v uint64) uintptr { return ptr(b, &v) }

// words are 16-bit numbers in memory.
func (b *builder) words(v ...uint16) uintptr {
	b.pins.Pin(&v[0])
	return ptr(b, &v[0])
}
