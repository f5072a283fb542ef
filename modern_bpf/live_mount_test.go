// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// What changes the view of the file system, on a thread that ends with it.
func TestLiveMountsAndNamespaces(t *testing.T) {
	d := running(t, Options{}, scap.SCUnshare, scap.SCMount, scap.SCUmount2, scap.SCSetns)
	dir := t.TempDir()
	ns, err := os.Open("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	none, root, fs, target := cstr("none"), cstr("/"), cstr("tmpfs"), cstr(dir)
	var failed []string
	do := func(what string, nr uintptr, args ...uintptr) {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); e != 0 {
			failed = append(failed, what+": "+e.Error())
		}
	}
	tid := onThread(func() {
		do("unshare", unix.SYS_UNSHARE, unix.CLONE_NEWNS)
		do("make private", unix.SYS_MOUNT, none, root, 0, unix.MS_REC|unix.MS_PRIVATE, 0)
		do("mount", unix.SYS_MOUNT, none, target, fs, unix.MS_NOSUID|unix.MS_NODEV, 0)
		do("umount", unix.SYS_UMOUNT2, target, unix.MNT_DETACH)
		do("setns", unix.SYS_SETNS, ns.Fd(), unix.CLONE_NEWNS)
	})
	if len(failed) > 0 {
		t.Skipf("mounts are not allowed here: %v", failed)
	}
	mine := byTID(tid)
	check(t, await(t, d, scap.EvUnshareX, mine), params{"res": 0, "flags": scap.CloneFlagsNewns})
	check(t, await(t, d, scap.EvMountX, mine), params{"res": 0, "dev": "none", "dir": "/", "type": empty, "flags": unix.MS_REC | unix.MS_PRIVATE})
	check(t, await(t, d, scap.EvMountX, mine), params{"res": 0, "dev": "none", "dir": dir, "type": "tmpfs", "flags": unix.MS_NOSUID | unix.MS_NODEV})
	check(t, await(t, d, scap.EvUmount2X, mine), params{"res": 0, "name": dir, "flags": scap.UmountFlagsDetach})
	check(t, await(t, d, scap.EvSetnsX, mine), params{"res": 0, "fd": int(ns.Fd()), "nstype": scap.CloneFlagsNewns})
}

// A process that begins a session of its own leads it.
func TestLiveSetsid(t *testing.T) {
	d := running(t, Options{}, scap.SCSetsid)
	p, err := os.StartProcess("/proc/self/exe", []string{"test", "-test.run=^$"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
	check(t, await(t, d, scap.EvSetsidX, byTID(p.Pid)), params{"res": p.Pid})
}

// A call without an event of its own comes
// as the generic event with its number.
func TestLiveGenericEventNamesTheCall(t *testing.T) {
	d := running(t, Options{}, scap.SCSchedYield)
	tid, _ := call(unix.SYS_SCHED_YIELD)
	check(t, await(t, d, scap.EvGenericX, byTID(tid)), params{"ID": int(scap.SCSchedYield), "nativeID": unix.SYS_SCHED_YIELD})
}
