// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// numberIn returns a field of /proc/PID/status (of the first column).
func numberIn(t *testing.T, pid int, field string) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			base := 10
			if strings.HasPrefix(field, "Cap") {
				base = 16
			}
			n, err := strconv.ParseInt(strings.Fields(rest)[0], base, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in the status of %d", field, pid)
	return 0
}

func fdLimit(t *testing.T) uint64 {
	var r unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &r); err != nil {
		t.Fatal(err)
	}
	return r.Cur
}

func loginuid() uint32 {
	b, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return ^uint32(0)
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	return uint32(n)
}

// hasExe accepts events of a program with the given first argument.
func hasExe(exe string) func(*scap.Event) bool {
	return func(ev *scap.Event) bool { s, _ := ev.Str(1); return s == exe }
}

func TestLiveExecve(t *testing.T) {
	d := running(t, Options{}, scap.SCExecve)
	bin := helper(t)
	cmd := exec.Command(bin, "exit", "3", "with a blank")
	cmd.Args[0] = "first-argument"
	cmd.Env = []string{"ONE=1", "TWO=zwei"}
	_ = cmd.Run()
	var st unix.Stat_t
	if err := unix.Stat(bin, &st); err != nil {
		t.Fatal(err)
	}
	check(t, await(t, d, scap.EvExecveV19X, hasExe("first-argument")), params{
		"res": 0, "exe": "first-argument", "args": []byte("exit\x003\x00with a blank\x00"),
		"tid": cmd.Process.Pid, "pid": cmd.Process.Pid, "ptid": positive, "cwd": empty,
		"fdlimit": anything, "pgft_maj": anything, "pgft_min": anything,
		"vm_size": positive, "vm_rss": anything, "vm_swap": 0,
		"comm": "provoke", "cgroups": contains("cpuset=/"), "env": []byte("ONE=1\x00TWO=zwei\x00"), "tty": anything,
		"vpgid": unix.Getpgrp(), "loginuid": loginuid(), "flags": scap.ExecveFlagsWritable,
		"cap_inheritable": 0, "cap_permitted": numberIn(t, os.Getpid(), "CapPrm"), "cap_effective": numberIn(t, os.Getpid(), "CapEff"),
		"exe_ino": st.Ino, "exe_ino_ctime": st.Ctim.Nano(), "exe_ino_mtime": st.Mtim.Nano(),
		"uid": os.Geteuid(), "trusted_exepath": bin, "pgid": anything, "gid": os.Getegid(), "filename": bin,
	})
}

func TestLiveExecveFails(t *testing.T) {
	d := running(t, Options{}, scap.SCExecve, scap.SCExecveat)
	argv := block(cstr("exe"), cstr("one"), cstr("two"), 0)
	envp := block(cstr("A=b"), 0)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(self, &st); err != nil {
		t.Fatal(err)
	}
	want := params{
		"res": -int(unix.ENOENT), "exe": "exe", "args": []byte("one\x00two\x00"),
		"pid": os.Getpid(), "ptid": positive, "cwd": empty,
		"fdlimit": fdLimit(t), "pgft_maj": anything, "pgft_min": anything,
		"vm_size": positive, "vm_rss": anything, "vm_swap": anything,
		"comm": anything, "cgroups": contains("memory=/"), "env": []byte("A=b\x00"), "tty": anything,
		"vpgid": unix.Getpgrp(), "loginuid": loginuid(), "flags": scap.ExecveFlagsWritable,
		"cap_inheritable": 0, "cap_permitted": numberIn(t, os.Getpid(), "CapPrm"), "cap_effective": numberIn(t, os.Getpid(), "CapEff"),
		"exe_ino": st.Ino, "exe_ino_ctime": st.Ctim.Nano(), "exe_ino_mtime": st.Mtim.Nano(),
		"uid": os.Geteuid(), "trusted_exepath": self, "pgid": anything, "gid": os.Getegid(), "filename": "/no/such/program",
	}
	tid, _ := call(unix.SYS_EXECVE, cstr("/no/such/program"), argv, envp)
	want["tid"] = tid
	check(t, await(t, d, scap.EvExecveV19X, byTID(tid)), want)

	tid, _ = call(unix.SYS_EXECVEAT, atFDCWD, cstr("/no/such/program"), argv, envp, 0)
	want["tid"] = tid
	delete(want, "filename")
	check(t, await(t, d, scap.EvExecveatX, byTID(tid)), want)
}

// A program without a file: execveat succeeds, and is told as an execve.
func TestLiveExecveatOfAMemfd(t *testing.T) {
	d := running(t, Options{}, scap.SCExecveat)
	if err := exec.Command(helper(t), "memfd").Run(); err != nil {
		t.Fatal(err)
	}
	ev := await(t, d, scap.EvExecveV19X, hasExe("in-memory"))
	for i, p := range ev.Info().Params {
		switch p.Name {
		case "flags":
			if v, _ := ev.Uint(i); uint32(v)&scap.ExecveFlagsFromMemfd == 0 {
				t.Errorf("flags are %#x, want the one of a memfd", v)
			}
		case "trusted_exepath":
			if s, _ := ev.Str(i); s != "/memfd:payload" {
				t.Errorf("path is %q", s)
			}
		case "filename":
			if s, _ := ev.Str(i); !strings.HasPrefix(s, "/dev/fd/") {
				t.Errorf("file name is %q, want /dev/fd/N", s)
			}
		case "args":
			if s := string(ev.Param(i)); s != "arg\x00" {
				t.Errorf("args are %q", s)
			}
		}
	}
}

// What both sides of a new task tell.
func taskParams(t *testing.T, res, tid, pid, ptid any) params {
	return params{
		"res": res, "exe": anything, "args": anything, "tid": tid, "pid": pid, "ptid": ptid, "cwd": empty,
		"fdlimit": anything, "pgft_maj": anything, "pgft_min": anything, "vm_size": positive, "vm_rss": anything, "vm_swap": anything,
		"comm": anything, "cgroups": contains("cpu=/"), "uid": os.Geteuid(), "gid": os.Getegid(),
		"vtid": tid, "vpid": pid, "pidns_init_start_ts": 0, "flags": 0,
	}
}

func TestLiveForkAndClone3(t *testing.T) {
	d := running(t, Options{}, scap.SCFork, scap.SCClone3)
	for _, c := range []struct {
		name string
		nr   uintptr
		args []uintptr
		typ  scap.EventType
	}{
		{"fork", native(scap.SCFork), nil, scap.EvForkV20X},
		{"clone3", unix.SYS_CLONE3, []uintptr{block(0, 0, 0, 0, uint64(unix.SIGCHLD), 0, 0, 0), 64}, scap.EvClone3X},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.nr == none {
				t.Skip("no such call on this architecture")
			}
			var child int
			args := append(c.args, 0, 0)
			tid := onThread(func() {
				pid, _, _ := unix.RawSyscall(c.nr, args[0], args[1], 0)
				if pid == 0 {
					unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
				}
				child = int(pid)
				unix.Wait4(child, nil, 0, nil)
			})
			evs := map[int]*scap.Event{}
			read(t, d, 2e9, func(ev *scap.Event) bool {
				if ev.Type() == c.typ && (ev.TID() == int64(tid) || ev.TID() == int64(child)) {
					evs[int(ev.TID())] = ev.Clone()
				}
				return len(evs) == 2
			})
			if len(evs) != 2 {
				t.Fatalf("got %d sides of the call", len(evs))
			}
			check(t, evs[tid], taskParams(t, child, tid, os.Getpid(), positive))
			check(t, evs[child], taskParams(t, 0, child, child, tid))
		})
	}
}

func TestLiveVfork(t *testing.T) {
	must(t, scap.SCVfork)
	d := running(t, Options{}, scap.SCVfork)
	cmd := exec.Command(helper(t), "vfork")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	parent := cmd.Process.Pid
	var child any
	for i := 0; i < 2; i++ {
		ev := await(t, d, scap.EvVforkV20X, func(ev *scap.Event) bool { s, _ := ev.Str(13); return s == "provoke" })
		if res, _ := ev.Int(0); res != 0 {
			child = res
			want := taskParams(t, res, parent, parent, positive)
			want["flags"] = scap.CloneFlagsVfork | scap.CloneFlagsVm
			check(t, ev, want)
		} else {
			want := taskParams(t, 0, ev.TID(), ev.TID(), parent)
			want["flags"] = scap.CloneFlagsVfork | scap.CloneFlagsVm
			check(t, ev, want)
		}
	}
	if child == nil {
		t.Error("the caller's side is missing")
	}
}

// A task in a new pid namespace knows itself by other numbers.
func TestLiveCloneIntoAPIDNamespace(t *testing.T) {
	d := running(t, Options{}, scap.SCClone)
	cmd := exec.Command(helper(t), "exit", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if err := cmd.Run(); err != nil {
		t.Skipf("no new pid namespace here: %v", err)
	}
	pid := cmd.Process.Pid
	ev := await(t, d, scap.EvCloneV20X, byTID(pid))
	want := taskParams(t, 0, pid, pid, positive)
	want["vtid"], want["vpid"] = 1, 1
	want["pidns_init_start_ts"] = positive
	want["flags"] = func(ev *scap.Event, i int) string {
		v, _ := ev.Uint(i)
		if need := uint32(scap.CloneFlagsChildInPidns | scap.CloneFlagsNewpid | scap.CloneFlagsVfork); uint32(v)&need != need {
			return fmt.Sprintf("%#x, want at least %#x", v, need)
		}
		return ""
	}
	check(t, ev, want)
}

// The other way to see a child, which architectures other than x86 need.
func TestLiveChildSideFromTheForkTracepoint(t *testing.T) {
	d := running(t, Options{forceFork: true}, scap.SCFork)
	cmd := exec.Command(helper(t), "exit", "0")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	want := taskParams(t, 0, pid, pid, positive)
	want["flags"] = anything // os/exec shares what it likes
	check(t, await(t, d, scap.EvCloneV20X, byTID(pid)), want)
}

func TestLiveProcessExit(t *testing.T) {
	d := running(t, Options{}, scap.SCSchedProcessExit)
	bin := helper(t)
	for _, c := range []struct {
		name string
		args []string
		want params
	}{
		{"with a status", []string{"exit", "3"}, params{"status": 3 << 8, "ret": 3, "sig": 0, "core": 0, "reaper_tid": 0}},
		{"by a signal", []string{"signal"}, params{"status": 9, "ret": 0, "sig": 9, "core": 0, "reaper_tid": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(bin, c.args...)
			_ = cmd.Run()
			check(t, await(t, d, scap.EvProcexitV1E, byTID(cmd.Process.Pid)), c.want)
		})
	}
	t.Run("leaving a child to the nearest subreaper", func(t *testing.T) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
		cmd := exec.Command(bin, "orphan")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		check(t, await(t, d, scap.EvProcexitV1E, byTID(cmd.Process.Pid)), params{
			"status": 0, "ret": 0, "sig": 0, "core": 0,
			"reaper_tid": func(ev *scap.Event, i int) string {
				tid, _ := ev.Int(i)
				if _, err := os.Stat(filepath.Join("/proc/self/task", strconv.FormatInt(tid, 10))); err != nil {
					return fmt.Sprintf("%d is no thread of the subreaper", tid)
				}
				return ""
			},
		})
		unix.Wait4(-1, nil, 0, nil)
	})
}

func TestLiveIdentityAndTracing(t *testing.T) {
	d := running(t, Options{}, scap.SCSetuid, scap.SCSetgid, scap.SCSetresuid, scap.SCSetresgid, scap.SCSetreuid, scap.SCSetregid,
		scap.SCPtrace, scap.SCPrctl, scap.SCSetsid, scap.SCKill)
	keepID := ^uintptr(0)
	none := int64(^uint32(0))
	dyn := func(kind byte, v ...byte) []byte { return append([]byte{kind}, v...) }
	for _, c := range []struct {
		name string
		nr   uintptr
		args []uintptr
		typ  scap.EventType
		want params
	}{
		{"setuid", unix.SYS_SETUID, []uintptr{0}, scap.EvSetuidX, params{"res": 0, "uid": 0}},
		{"setgid", unix.SYS_SETGID, []uintptr{0}, scap.EvSetgidX, params{"res": 0, "gid": 0}},
		{"setresuid that keeps", unix.SYS_SETRESUID, []uintptr{keepID, 0, keepID}, scap.EvSetresuidX,
			params{"res": 0, "ruid": none, "euid": 0, "suid": none}},
		{"setresgid", unix.SYS_SETRESGID, []uintptr{0, 0, 0}, scap.EvSetresgidX, params{"res": 0, "rgid": 0, "egid": 0, "sgid": 0}},
		{"setreuid", unix.SYS_SETREUID, []uintptr{0, keepID}, scap.EvSetreuidX, params{"res": 0, "ruid": 0, "euid": none}},
		{"setregid", unix.SYS_SETREGID, []uintptr{0, 0}, scap.EvSetregidX, params{"res": 0, "rgid": 0, "egid": 0}},
		{"ptrace attach to nobody", unix.SYS_PTRACE, []uintptr{unix.PTRACE_ATTACH, 1 << 22, 5, 6}, scap.EvPtraceX,
			params{"res": -int(unix.ESRCH), "addr": dyn(0, 5, 0, 0, 0, 0, 0, 0, 0), "data": dyn(0, 6, 0, 0, 0, 0, 0, 0, 0),
				"request": 11, "pid": 1 << 22}},
		{"ptrace continue carries a signal", unix.SYS_PTRACE, []uintptr{unix.PTRACE_CONT, 1 << 22, 0, 9}, scap.EvPtraceX,
			params{"res": -int(unix.ESRCH), "addr": dyn(0, 0, 0, 0, 0, 0, 0, 0, 0), "data": dyn(1, 9), "request": 8, "pid": 1 << 22}},
		{"kill", unix.SYS_KILL, []uintptr{1 << 22, 0}, scap.EvKillX, params{"res": -int(unix.ESRCH), "pid": 1 << 22, "sig": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tid, _ := call(c.nr, c.args...)
			check(t, await(t, d, c.typ, byTID(tid)), c.want)
		})
	}
}
