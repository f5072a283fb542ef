// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"net/netip"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// entering opens a driver that collects the entry of the given calls only.
func entering(t *testing.T, codes ...scap.SC) *Driver {
	t.Helper()
	d := running(t, Options{})
	applied, err := d.SetInterestingSyscalls(scap.Selection{Enter: scap.NewSyscallSet(codes...)})
	if err != nil {
		t.Fatal(err)
	}
	if len(applied.Degraded) > 0 {
		t.Errorf("degraded: %v", applied.Degraded)
	}
	return d
}

// The calls whose arguments are worth knowing before the kernel acts on them
// have enter events of their own.
func TestLiveEnterEvents(t *testing.T) {
	d := entering(t, scap.SCOpen, scap.SCCreat, scap.SCOpenat, scap.SCOpenat2, scap.SCConnect, scap.SCExecve, scap.SCExecveat)
	const name = "/nonexistent/tiercel"
	missing := cstr(name)
	at := ^uintptr(99) // AT_FDCWD
	how := make([]uint64, 3)
	how[0], how[1], how[2] = unix.O_WRONLY|unix.O_CREAT, 0o640, unix.RESOLVE_NO_SYMLINKS
	keep(how)
	peer := netip.MustParseAddrPort("127.0.0.1:9")
	raw := rawAddr(peer)
	creating := uint64(scap.FileFlagsOWronly | scap.FileFlagsOCreat)

	for _, c := range []struct {
		sc   scap.SC
		args []uintptr
		typ  scap.EventType
		want params
	}{
		{scap.SCOpen, []uintptr{missing, unix.O_RDWR, 0o777}, scap.EvOpenE,
			params{"name": name, "flags": scap.FileFlagsORdwr, "mode": 0}},
		{scap.SCOpen, []uintptr{0, unix.O_RDONLY, 0}, scap.EvOpenE,
			params{"name": empty, "flags": scap.FileFlagsORdonly, "mode": 0}},
		{scap.SCCreat, []uintptr{missing, 0o600}, scap.EvCreatE,
			params{"name": name, "mode": 0o600}},
		{scap.SCOpenat, []uintptr{at, missing, unix.O_WRONLY | unix.O_CREAT, 0o640}, scap.EvOpenatV2E,
			params{"dirfd": -100, "name": name, "flags": creating, "mode": 0o640}},
		{scap.SCOpenat2, []uintptr{7, missing, address(how), 24}, scap.EvOpenat2E,
			params{"dirfd": 7, "name": name, "flags": creating, "mode": 0o640, "resolve": scap.Openat2FlagsNoSymlinks}},
		{scap.SCConnect, []uintptr{1000, block(raw...), uintptr(len(raw))}, scap.EvConnectE,
			params{"fd": 1000, "addr": wireAddr(peer)}},
		{scap.SCExecve, []uintptr{missing, 0, 0}, scap.EvExecveV19E,
			params{"filename": name}},
		{scap.SCExecveat, []uintptr{at, missing, 0, 0, unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW}, scap.EvExecveatE,
			params{"dirfd": -100, "pathname": name, "flags": scap.ExecveatFlagsEmptyPath | scap.ExecveatFlagsSymlinkNofollow}},
	} {
		t.Run(c.typ.Info().Enum, func(t *testing.T) {
			tid, ret := call(must(t, c.sc), c.args...)
			if ret >= 0 {
				t.Fatalf("the call succeeded: %d", ret)
			}
			check(t, await(t, d, c.typ, byTID(tid)), c.want)
		})
	}
}

// All others give the generic enter event, which says which call it is.
func TestLiveGenericEnterEvent(t *testing.T) {
	d := entering(t, scap.SCClose, scap.SCGetppid)
	for _, sc := range []scap.SC{scap.SCClose, scap.SCGetppid} {
		tid, _ := call(native(sc), ^uintptr(0))
		check(t, await(t, d, scap.EvGenericE, byTID(tid)), params{"ID": int(sc), "nativeID": native(sc)})
	}
}

// Both ends of one call: the entry comes first, and each only for who asked.
func TestLiveEntryComesBeforeExit(t *testing.T) {
	d := running(t, Options{})
	_, err := d.SetInterestingSyscalls(scap.Selection{
		Exit: scap.NewSyscallSet(scap.SCOpenat, scap.SCGetppid), Enter: scap.NewSyscallSet(scap.SCOpenat),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []scap.EventType
	var tids []int
	tids = append(tids, onThread(func() {
		unix.RawSyscall(native(scap.SCGetppid), 0, 0, 0)
		unix.Openat(unix.AT_FDCWD, "/nonexistent/tiercel", unix.O_RDONLY, 0)
	}))
	read(t, d, time.Second, func(ev *scap.Event) bool {
		if ev.TID() == int64(tids[0]) {
			got = append(got, ev.Type())
		}
		return ev.TID() == int64(tids[0]) && ev.Type() == scap.EvOpenatV2X
	})
	want := []scap.EventType{scap.SCGetppid.Info().Exit, scap.EvOpenatV2E, scap.EvOpenatV2X}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Every call of the host pays for the hook on the entry, so it is there only
// while somebody wants enter events.
func TestLiveEntryIsHookedOnlyWhenWanted(t *testing.T) {
	d := running(t, Options{}, scap.SCOpenat)
	hooked := func() bool { return d.progs.links[hookSysEnter] != nil }
	if hooked() {
		t.Error("nobody wants enter events, the entry is hooked")
	}
	set := scap.NewSyscallSet(scap.SCOpenat)
	for _, enter := range []scap.SyscallSet{set, {}, set} {
		if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: set, Enter: enter}); err != nil {
			t.Fatal(err)
		}
		if hooked() == enter.IsEmpty() {
			t.Errorf("enter events of %v, hooked: %v", enter, hooked())
		}
	}
	d.Stop()
	if hooked() {
		t.Error("stopped, and the entry is still hooked")
	}
}

// 32-bit calls at their entry, socketcall and its block of arguments included.
func TestLiveEntryByThe32BitGate(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the 32-bit gate is x86's")
	}
	d := entering(t, scap.SCOpen, scap.SCFork, scap.SCSocket, scap.SCConnect)
	cmd := exec.Command(helper(t), "ia32", "/etc/hostname")
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		t.Skipf("the kernel has no 32-bit gate: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	check(t, await(t, d, scap.EvOpenE, byTID(pid)), params{
		"name": "/etc/hostname", "flags": scap.FileFlagsORdonly, "mode": 0,
	})
	check(t, await(t, d, scap.EvGenericE, byTID(pid)), params{"ID": int(scap.SCSocket), "nativeID": anything})
	check(t, await(t, d, scap.EvConnectE, byTID(pid)), params{
		"fd": 4, "addr": append(append([]byte{unix.AF_UNIX}, "/nonexistent"...), 0),
	})
}

// A kernel without x32 refuses these calls, but their exit is told as what
// they would have been.
func TestLiveX32Calls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("x32 is x86's")
	}
	const x32 = 0x40000000
	d := running(t, Options{})
	set := scap.NewSyscallSet(scap.SCOpenat, scap.SCIoctl)
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: set, Enter: set}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("/nonexistent", "x32")
	tid, ret := call(x32|unix.SYS_OPENAT, ^uintptr(99), cstr(name), unix.O_RDONLY)
	check(t, await(t, d, scap.EvOpenatV2E, byTID(tid)), params{
		"dirfd": -100, "name": name, "flags": scap.FileFlagsORdonly, "mode": 0,
	})
	check(t, await(t, d, scap.EvOpenatV2X, byTID(tid)), params{
		"fd": ret, "dirfd": -100, "name": name, "flags": scap.FileFlagsORdonly, "mode": 0, "dev": 0, "ino": 0,
	})
	// 514 is ioctl with other structures.
	tid, ret = call(x32|514, 0, unix.TCGETS, 0)
	check(t, await(t, d, scap.EvIoctlV3X, byTID(tid)), params{"res": ret, "fd": 0, "request": unix.TCGETS, "argument": 0})
}
