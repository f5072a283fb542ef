// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/container"
)

func TestEventFields(t *testing.T) {
	e := newWorld(t)
	e.Process(scaptest.Named(scap.EvCloseX, now-2*second, catPID, scaptest.P{"res": 0, "fd": 1}))
	ev := e.Process(openat(3, "/etc/shadow"))
	at := time.Unix(0, int64(now))
	wants{
		"evt.num":          "2",
		"evt.time":         at.Format("15:04:05.000000000"),
		"evt.time.s":       at.Format("15:04:05"),
		"evt.time.iso8601": at.UTC().Format("2006-01-02T15:04:05.000000000") + "+0000",
		"evt.datetime":     at.Format("2006-01-02 15:04:05.000000000"),
		"evt.datetime.s":   at.Format("2006-01-02 15:04:05"),
		"evt.rawtime":      "1700000003000000005",
		"evt.rawtime.s":    "1700000003",
		"evt.rawtime.ns":   "000000005",
		"evt.reltime":      "2000000000",
		"evt.reltime.s":    "2",
		"evt.reltime.ns":   "000000000",
		"evt.deltatime":    "2000000000",
		"evt.deltatime.s":  "2",
		"evt.source":       "syscall",
		"evt.hostname":     "testhost",
		"evt.is_async":     "false",
		"evt.asynctype":    none,
		"evt.pluginname":   none,
		"evt.latency":      "0",
		"evt.dir":          "<",
		"evt.type":         "openat",
		"syscall.type":     "openat",
		"evt.category":     "file",
		"evt.cpu":          "0",
		"evt.count":        "1",
		"evt.count.error":  none,
		"evt.count.exit":   "1",
		"evt.res":          "SUCCESS",
		"evt.rawres":       "3",
		"evt.failed":       "false",
		"evt.is_io":        "false",
		"evt.io_dir":       none,
		"evt.buflen":       none,

		"evt.type.is.openat":  "1",
		"evt.type.is.open":    "0",
		"evt.type.is.307":     "1",
		"evt.is_open_read":    "true",
		"evt.is_open_write":   "false",
		"evt.is_open_create":  "false",
		"evt.is_open_exec":    "false",
		"evt.abspath":         "/etc/shadow",
		"evt.arg.fd":          "<f>/etc/shadow",
		"evt.arg[0]":          "<f>/etc/shadow",
		"evt.arg[31]":         none,
		"evt.arg.dirfd":       "AT_FDCWD",
		"evt.arg.name":        "/etc/shadow",
		"evt.arg.flags":       "O_RDONLY|O_CLOEXEC",
		"evt.arg.mode":        "0",
		"evt.arg.target":      none,
		"evt.rawarg.flags":    "1001",
		"evt.rawarg.name":     "/etc/shadow",
		"evt.rawarg.fd":       "3",
		"evt.args":            "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=800001 ino=42",
		"evt.info":            "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=800001 ino=42",
		"fs.path.name":        "/etc/shadow",
		"fs.path.nameraw":     "/etc/shadow",
		"fs.path.source":      none,
		"evt.is_syslog":       "false",
		"evt.is_wait":         "false",
		"evt.count.procinfo":  none,
		"evt.is_io_read":      "false",
		"evt.latency.human":   "0ns",
		"evt.plugininfo":      none,
		"evt.buffer":          none,
		"evt.count.error.net": none,
	}.check(t, ev)
}

func TestProcessFields(t *testing.T) {
	ev := run(t, openat(3, "/etc/shadow"))
	wants{
		"proc.name":         "cat",
		"proc.exe":          "cat",
		"proc.exepath":      "/usr/bin/cat",
		"proc.args":         "-n /etc/shadow",
		"proc.args[1]":      "/etc/shadow",
		"proc.args[2]":      none,
		"proc.cmdline":      "cat -n /etc/shadow",
		"proc.exeline":      "cat -n /etc/shadow",
		"proc.cmdnargs":     "2",
		"proc.cmdlenargs":   "13",
		"proc.env":          "HOME=/home/alice EMPTY= PADDED= x ",
		"proc.env[HOME]":    "/home/alice",
		"proc.env[PADDED]":  "x",
		"proc.env[EMPTY]":   none,
		"proc.env[HOM]":     none,
		"proc.cwd":          "/home/alice/",
		"proc.tty":          "34816",
		"proc.pid":          "300",
		"proc.ppid":         "200",
		"proc.vpid":         "300",
		"proc.sid":          "200",
		"proc.sname":        "bash",
		"proc.sid.exe":      "bash",
		"proc.sid.exepath":  "/usr/bin/bash",
		"proc.pgid.name":    "cat",
		"proc.vpgid.name":   "cat",
		"proc.loginshellid": "200",

		"proc.pname":          "bash",
		"proc.pexe":           "bash",
		"proc.pexepath":       "/usr/bin/bash",
		"proc.pcmdline":       "bash",
		"proc.pvpid":          "200",
		"proc.aname":          "bash sshd systemd",
		"proc.aname[0]":       "cat",
		"proc.aname[1]":       "bash",
		"proc.aname[2]":       "sshd",
		"proc.aname[4]":       none,
		"proc.aexe[2]":        "sshd",
		"proc.aexepath[2]":    "/usr/bin/sshd",
		"proc.acmdline[2]":    "sshd -D",
		"proc.aargs":          "-D ",
		"proc.aargs[2]":       "-D",
		"proc.apid":           "300",
		"proc.apid[2]":        "100",
		"proc.aenv[SHLVL]":    "1",
		"proc.aenv[NONE]":     none,
		"proc.aenv[1]":        "SHLVL=1",
		"proc.is_sid_leader":  "false",
		"proc.is_pgid_leader": "true",

		"proc.duration":                 "2999999705",
		"proc.ppid.duration":            "2999999805",
		"proc.pid.ts":                   "1700000000000000300",
		"proc.ppid.ts":                  "1700000000000000200",
		"proc.is_exe_upper_layer":       "true",
		"proc.is_exe_writable":          "false",
		"proc.is_exe_from_memfd":        "false",
		"proc.exe_ino":                  "77",
		"proc.exe_ino.ctime":            "1699999999000000000",
		"proc.exe_ino.mtime":            "1699999998000000000",
		"thread.cap_effective":          "CAP_CHOWN CAP_SYS_ADMIN",
		"thread.cap_permitted":          "CAP_NET_ADMIN",
		"thread.cap_inheritable":        "CAP_KILL",
		"proc.fdopencount":              "5",
		"proc.fdlimit":                  "1024",
		"proc.fdusage":                  "0.5",
		"proc.vmsize":                   "4096",
		"thread.vmrss.b":                "1048576",
		"thread.tid":                    "300",
		"thread.ismain":                 "true",
		"thread.nametid":                "cat300",
		"thread.cgroups":                "cpu=/cat memory=/",
		"thread.cgroup.cpu":             "/cat",
		"thread.cgroup.pids":            "/",
		"proc.nthreads":                 "2",
		"proc.nchilds":                  "1",
		"thread.cpu":                    none,
		"proc.stdin.type":               "file",
		"proc.stdin.name":               "/dev/null",
		"proc.stdout.type":              "pipe",
		"proc.stderr.type":              "file",
		"user.uid":                      "1000",
		"user.name":                     "alice",
		"user.homedir":                  "/home/alice",
		"user.shell":                    "/bin/bash",
		"user.loginuid":                 "1000",
		"user.loginname":                "alice",
		"group.gid":                     "1000",
		"group.name":                    "staff",
		"container.id":                  "host",
		"container.name":                "host",
		"container.type":                "host",
		"container.image.repository":    none,
		"container.privileged":          none,
		"container.start_ts":            none,
		"container.mount.dest[/etc]":    none,
		"k8s.pod.name":                  none,
		"proc.is_exe_lower_layer":       "false",
		"proc.is_vpgid_leader":          "true",
		"thread.totexectime":            none,
		"proc.is_container_healthcheck": none,
	}.check(t, ev)
}

func TestThreadsShareTheirProcess(t *testing.T) {
	ev := run(t, scaptest.Named(scap.EvCloseX, now, 301, scaptest.P{"res": 0, "fd": 1}))
	wants{
		"thread.tid":     "301",
		"thread.ismain":  "false",
		"proc.pid":       "300",
		"proc.name":      "worker",
		"proc.aname[0]":  "cat",
		"proc.pname":     "bash",
		"proc.cwd":       "/home/alice/",
		"proc.vmsize":    "4096",
		"thread.vmsize":  "0",
		"proc.env[HOME]": "/home/alice",
	}.check(t, ev)
}

func TestAContainerWithoutLabelsAndMountsHasEmptyOnes(t *testing.T) {
	e := newWorld(t)
	in := scaptest.Named(scap.EvOpenatV2X, now, nginxPID, scaptest.P{"fd": 3, "dirfd": -100, "name": "/x"})
	// Nobody knows yet.
	wants{"container.labels": none, "container.mounts": none, "container.name": none, "container.privileged": none,
		"container.id": "0123456789ab", "container.full_id": nginxID, "container.type": "docker", "container.mount[0]": none,
		"container.label[a]": none, "k8s.pod.labels": none}.check(t, e.Process(in))
	i := &container.Info{Type: container.Docker, FullID: nginxID, Name: "bare"}
	i.Finish()
	e.Containers().Put(i, now)
	wants{"container.labels": "", "container.mounts": "", "container.name": "bare", "container.image": none, "container.privileged": none,
		"container.mount[0]": none, "container.mount[*]": none, "container.label[a]": none,
		"k8s.pod.labels": none, "k8s.pod.name": none, "k8s.pod.sandbox_id": none}.check(t, e.Process(in))
}

func TestContainerFields(t *testing.T) {
	ev := run(t, scaptest.Named(scap.EvCloseX, now, 400, scaptest.P{"res": -9, "fd": 7}))
	wants{
		"container.id":       "0123456789ab",
		"container.type":     "docker",
		"container.name":     none,
		"container.start_ts": "1700000001000000000",
		"container.duration": "2000000005",
		"user.name":          "root",
		"user.homedir":       "<NA>",
		"group.name":         "<NA>",
		"user.loginname":     "alice",
		"evt.res":            "EBADF",
		"evt.rawres":         "-9",
		"evt.failed":         "true",
		"evt.count.error":    "1",
		"fd.num":             "7",
		"fd.name":            none,
		"fd.type":            none,
	}.check(t, ev)
}

func TestThreadThatNothingIsKnownOfIsNotOfTheHost(t *testing.T) {
	ev := run(t, scaptest.Named(scap.EvCloseX, now, 9999, scaptest.P{"res": 0, "fd": 1}))
	wants{
		"proc.name": "<NA>", "container.id": none, "container.name": none, "container.type": none,
		"proc.pname": none, "proc.aname": none, "thread.tid": "9999",
	}.check(t, ev)
}

func TestUnknownThreadHasNoValues(t *testing.T) {
	ev := run(t, scaptest.Named(scap.EvSchedswitchV6E, now, 0, nil))
	ev.Thread = nil
	for _, f := range []string{"proc.name", "proc.pname", "proc.aname", "user.name", "group.name", "container.id",
		"fd.name", "fd.num", "thread.cap_effective", "proc.env[A]", "fs.path.name", "proc.sname", "proc.stdin.name"} {
		if got := ask(t, ev, f); got != none {
			t.Errorf("%s is %q", f, got)
		}
	}
}

func TestGenericEventsHaveTheNameOfTheirCall(t *testing.T) {
	ev := run(t, named(scap.EvGenericX, scaptest.P{"ID": scap.SCGetppid, "nativeID": 110}))
	wants{
		"evt.type":              "getppid",
		"syscall.type":          "getppid",
		"evt.type.is.getppid":   "1",
		"evt.args":              "",
		"evt.arg.ID":            "getppid",
		"evt.res":               none,
		"evt.rawres":            none,
		"evt.failed":            none,
		"evt.category":          "other",
		"evt.count.error.other": none,
	}.check(t, ev)
}

func TestAThreadThatNobodyKnowsHasOnlyItsOwnID(t *testing.T) {
	// The idle task is never in the table.
	ev := run(t, named(scap.EvSchedswitchV6E, scaptest.P{"next": 7}))
	ev.Thread = nil
	wants{"thread.tid": strconv.FormatInt(ev.TID(), 10), "proc.ppid": none, "proc.vpid": none, "evt.failed": none}.check(t, ev)
}
