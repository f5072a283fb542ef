// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// TestParameterTypes holds for each type of parameter how it reads: resolved
// by evt.arg, raw by evt.rawarg, and both together in evt.args.
func TestParameterTypes(t *testing.T) {
	for _, c := range []struct {
		what string
		ev   *scap.Event
		want wants
	}{
		{"names of an enumeration", named(scap.EvPtraceX, scaptest.P{
			"res": -1, "request": scap.PtraceRequestsAttach, "pid": 200,
			"addr": scaptest.Dyn(0, scap.PTUint64, uint64(0xbeef)), "data": scaptest.Dyn(1, scap.PTSigtype, uint8(9)),
		}), wants{
			"evt.arg.res": "EPERM", "evt.arg.request": "PTRACE_ATTACH", "evt.arg.pid": "bash", "evt.rawarg.pid": "200",
			"evt.arg.addr": "BEEF", "evt.arg.data": "SIGKILL",
		}},
		{"process that is not known", named(scap.EvPtraceX, scaptest.P{"res": 0, "pid": 9999}),
			wants{"evt.arg.pid": "9999", "evt.arg.res": "0"}},
		{"user and group ids", named(scap.EvSetresuidX, scaptest.P{"res": 0, "ruid": 1000, "euid": 0, "suid": uint32(0xffffffff)}),
			wants{"evt.arg.ruid": "alice", "evt.arg.euid": "root", "evt.arg.suid": "<NONE>", "evt.args": "res=0 ruid=1000(alice) euid=0(root) suid=-1(<NONE>)"}},
		{"strings back to back", named(scap.EvExecveV19X, scaptest.P{"res": 0, "exe": "ls", "args": []string{"-l", "/tmp"}, "tid": catPID, "pid": catPID, "ptid": 200, "comm": "ls"}),
			wants{"evt.arg.args": "-l./tmp.", "evt.arg.exe": "ls", "evt.arg.cwd": "<NA>", "evt.arg.env": "NULL", "proc.cmdline": "ls -l /tmp"}},
		{"signal", named(scap.EvKillX, scaptest.P{"res": 0, "pid": 200, "sig": 15}),
			wants{"evt.arg.sig": "SIGTERM", "evt.rawarg.sig": "15", "evt.category": "signal"}},
		{"a mode of one name", named(scap.EvChmodX, scaptest.P{"res": 0, "filename": "/x", "mode": 0o4000}),
			wants{"evt.arg.mode": "S_ISUID", "evt.rawarg.mode": "04000", "fs.path.name": "/x"}},
		{"a mode of no bit", named(scap.EvChmodX, scaptest.P{"res": 0, "filename": "/x", "mode": 0}),
			wants{"evt.arg.mode": "0", "evt.rawarg.mode": "0"}},
		{"no flag set", named(scap.EvUnlinkatV2X, scaptest.P{"res": 0, "dirfd": -100, "name": "/x", "flags": 0}),
			wants{"evt.arg.flags": "0", "evt.arg.name": "/x", "evt.arg.dirfd": "AT_FDCWD"}},
		{"a flag of several bits", named(scap.EvOpenX, scaptest.P{"fd": 3, "name": "/x", "flags": 3 | 1<<8}),
			wants{"evt.arg.flags": "O_TRUNC|O_RDWR"}},
		{"a flag for no bit", named(scap.EvOpenX, scaptest.P{"fd": 3, "name": "/x", "flags": 0}),
			wants{"evt.arg.flags": "O_NONE"}},
		{"descriptors of a poll", named(scap.EvPollX, scaptest.P{"res": 1, "timeout": 5, "fds": scaptest.FDList(
			scaptest.PollFD{FD: 0, Bits: 1}, scaptest.PollFD{FD: 1, Bits: 0x1f}, scaptest.PollFD{FD: 44, Bits: 2})}),
			wants{"evt.arg.fds": "0:f1 1:p1f 44:?2", "fdlist.nums": "0,1,44", "fdlist.names": "/dev/null,pipe:[12]", "fdlist.cips": none, "evt.is_wait": "true"}},
		{"a path that was not captured", named(scap.EvChmodX, scaptest.P{"res": -14, "filename": nil}),
			wants{"evt.arg.filename": "<NA>", "evt.arg.res": "EFAULT"}},
		{"an id that means none", named(scap.EvChownX, scaptest.P{"res": 0, "path": "/x", "uid": uint32(0xffffffff), "gid": 5}),
			wants{"evt.arg.uid": "-1", "evt.arg.gid": "5"}},
	} {
		t.Run(c.what, func(t *testing.T) { c.want.check(t, run(t, c.ev)) })
	}
}

func TestLongBuffersAreCutAmongTheParameters(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{
		{4096, strings.Repeat("x", 4096)},
		{4097, strings.Repeat("x", 4093) + "..."},
		{60000, strings.Repeat("x", 4093) + "..."},
	} {
		ev := run(t, named(scap.EvWriteX, scaptest.P{"res": c.n, "fd": 0, "data": []byte(strings.Repeat("x", c.n))}))
		wants{"evt.arg.data": c.want, "evt.buffer": strings.Repeat("x", c.n)}.check(t, ev)
	}
}

func TestIPv6AndMappedAddresses(t *testing.T) {
	six := named(scap.EvSocketX, scaptest.P{"fd": 5, "domain": 10, "type": 1, "proto": 0})
	connect := func(src, dst string) *scap.Event {
		return named(scap.EvConnectX, scaptest.P{"res": 0, "fd": 5, "tuple": scaptest.Tuple(src, dst), "addr": scaptest.Sockaddr(dst)})
	}
	ev := run(t, six, connect("[2001:db8::1]:4000", "[2001:db8::2]:53"))
	wants{"fd.type": "ipv6", "fd.typechar": "6", "fd.sip": "2001:db8::2", "fd.sport": "53",
		"evt.arg.tuple": "2001:db8::1:4000->2001:db8::2:53"}.check(t, ev)
	ev = run(t, six, connect("[::ffff:10.0.0.1]:4000", "[::ffff:1.2.3.4]:53"))
	wants{"evt.arg.tuple": "10.0.0.1:4000->1.2.3.4:53", "fd.sip": "1.2.3.4"}.check(t, ev)
}
