// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

func TestScanReadsAProcessWholly(t *testing.T) {
	h := newHost(t)
	h.process(task{tid: 1, comm: "init"})
	h.process(task{tid: 42, parent: 1, comm: "a) (b", ticks: 250, uid: 7, nspid: "42\t5", nstgid: "42\t5"})
	got := h.scan(Options{})[42]
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(h.root, "bin/app"), &st); err != nil {
		t.Fatal(err)
	}
	want := &Process{
		PID: 42,
		Main: Thread{
			TID: 42, PID: 42, PTID: 1, SID: 20, PGID: 30,
			VTID: 5, VPID: 5, VSID: 2, VPGID: 3,
			Comm: "a) (b", UID: 7, GID: 8,
			CapInheritable: 1, CapPermitted: 0x1fffeffffff, CapEffective: 0xa80425fb,
			TTY: 34816, VMSize: 3060, VMRSS: 1724, VMSwap: 8, PfMinor: 11, PfMajor: 22,
			StartTS: boot + 2_500_000_000,
		},
		Exe: "app", Args: []string{"-v", "", "last"}, Env: []string{"HOME=/root", "EMPTY="},
		CWD: "/srv", Root: "/",
		Cgroups: []string{"cpu=/docker/abc", "cpuacct=/docker/abc", "name=systemd=/init.scope"},
		ExePath: filepath.Join(h.root, "bin/app"),
		ExeIno:  st.Ino, ExeCtime: uint64(st.Ctim.Nano()), ExeMtime: uint64(st.Mtim.Nano()),
		ExeWritable: true, // CAP_DAC_OVERRIDE is in the effective set
		LoginUID:    1000, FDLimit: 1024, PidnsStart: boot,
		NetNS: 100, MntNS: 200, PidNS: 300,
	}
	opts := cmp.Options{cmpopts.IgnoreUnexported(Process{}), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScanLeavesOutWhatDoesNotRun(t *testing.T) {
	h := newHost(t)
	h.process(task{tid: 1, comm: "init"})
	h.thread("proc/2", task{tid: 2, pid: 2, comm: "kthreadd", flags: kernelThread})
	h.process(task{tid: 3, comm: "zombie", state: "Z"})
	h.thread("proc/4", task{tid: 4, pid: 4, comm: "no image"})
	h.file("proc/5/stat", "5 (no status) S 1")
	h.file("proc/6/stat", "cut")
	h.file("proc/notes/stat", "not a process")
	all := h.scan(Options{})
	if len(all) != 1 || all[1] == nil {
		t.Errorf("got %v", all)
	}
	if k := h.scan(Options{KernelThreads: true})[2]; k == nil || k.Main.Comm != "kthreadd" {
		t.Errorf("kernel thread: %v", k)
	}
}

func TestThreadsComeWithTheirProcess(t *testing.T) {
	h := newHost(t)
	dir := h.process(task{tid: 10, comm: "main", threads: 3})
	h.thread(dir+"/task/10", task{tid: 10, pid: 10, comm: "main"})
	h.thread(dir+"/task/12", task{tid: 12, pid: 10, comm: "worker 2", ticks: 100})
	h.thread(dir+"/task/11", task{tid: 11, pid: 10, comm: "worker 1"})
	p := h.scan(Options{})[10]
	if len(p.Threads) != 2 || p.Threads[0].TID != 11 || p.Threads[1].TID != 12 {
		t.Fatalf("threads %+v", p.Threads)
	}
	if w := p.Threads[1]; w.Comm != "worker 2" || w.PID != 10 || w.StartTS != boot+1_000_000_000 {
		t.Errorf("%+v", w)
	}
}

func TestAProcessGoesOnWithoutItsMainThread(t *testing.T) {
	h := newHost(t)
	h.thread("proc/10", task{tid: 10, pid: 10, comm: "main", state: "Z", threads: 2})
	h.thread("proc/10/task/10", task{tid: 10, pid: 10, comm: "main", state: "Z"})
	h.thread("proc/10/task/11", task{tid: 11, pid: 10, comm: "worker"})
	h.image("proc/10/task/11")
	h.fd("proc/10/task/11", 0, "pipe:[5]", "flags: 0")
	p := h.scan(Options{})[10]
	if p == nil || p.Exe != "app" || len(p.FDs) != 1 || len(p.Threads) != 1 || p.NetNS != 100 || !p.MainEnded {
		t.Errorf("got %+v", p)
	}
}

func TestLookupFindsTheProcessOfAThread(t *testing.T) {
	h := newHost(t)
	dir := h.process(task{tid: 10, comm: "main", threads: 3})
	for tid := 10; tid < 13; tid++ {
		h.thread(dir+"/task/"+decimalText(int64(tid)), task{tid: tid, pid: 10, comm: "t"})
	}
	h.thread("proc/12", task{tid: 12, pid: 10, comm: "t"})
	r := New(h.root, Options{BootTime: boot})
	p, err := r.Lookup(12)
	if err != nil || p.PID != 10 || len(p.Threads) != 1 || p.Threads[0].TID != 12 {
		t.Errorf("thread: %+v, %v", p, err)
	}
	if p, err = r.Lookup(10); err != nil || p.PID != 10 || len(p.Threads) != 0 {
		t.Errorf("main thread: %+v, %v", p, err)
	}
	if _, err = r.Lookup(99); !errors.Is(err, ErrNoProcess) {
		t.Errorf("nothing: %v", err)
	}
}

func TestThePidNamespaceStartsWithItsInit(t *testing.T) {
	h := newHost(t)
	h.process(task{tid: 1, comm: "init"})
	inside := func(tid, parent int, vpid string, ticks int) {
		dir := h.process(task{tid: tid, parent: parent, comm: "c", nspid: vpid, nstgid: vpid, ticks: ticks})
		if err := os.Remove(filepath.Join(h.root, dir, "ns/pid")); err != nil {
			t.Fatal(err)
		}
		h.link(dir+"/ns/pid", "pid:[301]")
	}
	inside(30, 50, "30\t9", 700) // pids wrapped: younger than its ancestors
	inside(50, 60, "50\t4", 600)
	inside(60, 1, "60\t1", 500)
	all := h.scan(Options{})
	for _, pid := range []int64{30, 50, 60} {
		if got := all[pid].PidnsStart; got != boot+5_000_000_000 {
			t.Errorf("process %d: namespace began at %d", pid, got)
		}
	}
}

func TestUnifiedCgroupsStandForTheirControllers(t *testing.T) {
	h := newHost(t)
	h.file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
	dir := h.process(task{tid: 1, comm: "init"})
	h.file(dir+"/cgroup", "0::/system.slice/a:b\n")
	got := h.scan(Options{})[1].Cgroups
	if diff := cmp.Diff([]string{"cpu=/system.slice/a:b", "memory=/system.slice/a:b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTextsAreCutAtTheLimit(t *testing.T) {
	h := newHost(t)
	h.process(task{tid: 1, comm: "init"})
	p := h.scan(Options{MaxText: 6})[1]
	if p.Exe != "app" || len(p.Args) != 1 || p.Args[0] != "-v" || p.Env[0] != "HOME=/" {
		t.Errorf("exe %q, args %q, env %q", p.Exe, p.Args, p.Env)
	}
}

func TestOverlayLayersOfTheProgram(t *testing.T) {
	for _, c := range []struct {
		name         string
		upperFile    bool
		mounts       string
		upper, lower bool
	}{
		{"no overlay", true, "1 0 8:1 / / rw - ext4 /dev/sda rw\n", false, false},
		{"changed since the image", true, "", true, false},
		{"part of the image", false, "", false, true},
		{"overlay without upper directory", true, "1 0 0:9 / / ro - overlay o ro,lowerdir=/l\n", false, true},
		{"other mount in between", true, "OVERLAY2 1 8:1 / ROOT/bin rw shared:1 - ext4 /dev/sda rw\n", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			dir := h.process(task{tid: 1, comm: "init"})
			// The made-up process sees the temporary directory as its own root.
			overlay := "1 0 0:9 / " + h.root + " rw shared:1 - overlay o rw,lowerdir=/l,upperdir=/up,workdir=/w\n"
			switch c.mounts {
			case "":
				c.mounts = overlay
			case "OVERLAY2 1 8:1 / ROOT/bin rw shared:1 - ext4 /dev/sda rw\n":
				c.mounts = overlay + "2 1 8:1 / " + h.root + "/bin rw shared:1 - ext4 /dev/sda rw\n"
			}
			h.file(dir+"/mountinfo", c.mounts)
			if c.upperFile {
				h.file("up/bin/app", "changed")
			}
			p := h.scan(Options{})[1]
			if p.ExeUpperLayer != c.upper || p.ExeLowerLayer != c.lower {
				t.Errorf("upper %v, lower %v", p.ExeUpperLayer, p.ExeLowerLayer)
			}
		})
	}
}

func TestWritableFollowsTheKernelsCheck(t *testing.T) {
	status := []byte("Groups:\t4 50 \n")
	for _, c := range []struct {
		name string
		mode uint32
		th   Thread
		want bool
	}{
		{"capability", 0o555, Thread{UID: 9, CapEffective: capDACOverride}, true},
		{"owner may", 0o200, Thread{UID: 1}, true},
		{"owner may not although others may", 0o022, Thread{UID: 1}, false},
		{"group may", 0o020, Thread{UID: 9, GID: 50}, true},
		{"supplementary group may", 0o020, Thread{UID: 9, GID: 9}, true},
		{"group may not although others may", 0o002, Thread{UID: 9, GID: 50}, false},
		{"others may not", 0o770, Thread{UID: 9, GID: 9}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := unix.Stat_t{Uid: 1, Gid: 50, Mode: c.mode}
			if c.name == "others may not" {
				st.Gid = 51
			}
			if got := writable(&st, &c.th, status); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

const (
	tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 0000000000000000 100 0 0 10 0
   1: 0A01A8C0:C001 08080808:0035 01 00000000:00000000 00:00000000 00000000  1000        0 1002 1 0000000000000000 20 4 30 10 -1
`
	tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1003 1 0000000000000000 100 0 0 10 0
`
	udpTable = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1004 2 0000000000000000 0
`
	rawTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1005 2 0000000000000000 0
`
	unixTable = `Num       RefCount Protocol Flags    Type St Inode Path
00000000b382860d: 00000003 00000000 00000000 0001 03  1006
000000000f6832fa: 00000002 00000000 00010000 0001 01  1007 /run/my socket
`
	netlinkTable = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000004edca8c1 0   0          00000000 0        0        0     2        0        1008
`
)

// The tables print addresses in the byte order of the machine; the ones above
// are those of a little-endian one, as are all that Tiercel is built for.
func TestDescriptorsByKind(t *testing.T) {
	h := newHost(t)
	dir := h.process(task{tid: 1, comm: "init"})
	for name, text := range map[string]string{"tcp": tcpTable, "tcp6": tcp6Table, "udp": udpTable,
		"raw": rawTable, "unix": unixTable, "netlink": netlinkTable} {
		h.file(dir+"/net/"+name, text)
	}
	h.file("data/file", "x")
	h.file("up/data/over", "x")
	h.file("data/over", "x")
	h.file(dir+"/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda rw\n"+
		"9 1 0:9 / "+h.root+" rw - overlay o rw,lowerdir=/l,upperdir=/up\n")
	any4, any6 := netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("[::]:0")
	data := filepath.Join(h.root, "data")
	want := []struct {
		target, info string
		fd           FD
	}{
		{filepath.Join(data, "file"), fmt.Sprintf("flags: 0%o;mnt_id: 1", 1|kernelLargefile), FD{Type: FDFile, Flags: scap.FileFlagsOWronly | scap.FileFlagsOLargefile, MountID: 1}},
		{filepath.Join(data, "over"), "flags: 02000000;mnt_id: 9", FD{Type: FDFile, Flags: scap.FileFlagsORdonly | scap.FileFlagsOCloexec, MountID: 9, Upper: true}},
		{data, "flags: 0", FD{Type: FDDirectory, Flags: scap.FileFlagsORdonly}},
		{"/gone/file (deleted)", "flags: 0", FD{Type: FDFile, Name: "/gone/file (deleted)", Flags: scap.FileFlagsORdonly}},
		{"/memfd:payload (deleted)", "flags: 02", FD{Type: FDMemfd, Name: "payload", Flags: scap.FileFlagsORdwr}},
		{"pipe:[77]", "flags: 04000", FD{Type: FDFIFO, Name: "pipe:[77]", Ino: 77, Flags: scap.FileFlagsORdonly | scap.FileFlagsONonblock}},
		{"socket:[1001]", "", FD{Type: FDIPv4Server, L4: L4TCP, Listen: true, Ino: 1001, Src: netip.MustParseAddrPort("127.0.0.1:8080"), Dst: any4}},
		{"socket:[1002]", "", FD{Type: FDIPv4, L4: L4TCP, Ino: 1002, Src: netip.MustParseAddrPort("192.168.1.10:49153"), Dst: netip.MustParseAddrPort("8.8.8.8:53")}},
		{"socket:[1003]", "", FD{Type: FDIPv6Server, L4: L4TCP, Listen: true, Ino: 1003, Src: netip.MustParseAddrPort("[::1]:22"), Dst: any6}},
		{"socket:[1004]", "", FD{Type: FDIPv4Server, L4: L4UDP, Ino: 1004, Src: netip.MustParseAddrPort("0.0.0.0:68"), Dst: any4}},
		{"socket:[1005]", "", FD{Type: FDIPv4Server, L4: L4Raw, Ino: 1005, Src: any4, Dst: any4}},
		{"socket:[1006]", "", FD{Type: FDUnix, Ino: 1006, Ptr: 0xb382860d}},
		{"socket:[1007]", "", FD{Type: FDUnix, Ino: 1007, Ptr: 0xf6832fa, Name: "/run/my socket"}},
		{"socket:[1008]", "", FD{Type: FDNetlink, Ino: 1008}},
		{"socket:[9999]", "", FD{Type: FDUnknown, Ino: 9999, Name: "socket:[9999]"}},
		{"anon_inode:[eventfd]", "", FD{Type: FDEvent, Name: "anon_inode:[eventfd]"}},
		{"anon_inode:inotify", "", FD{Type: FDInotify, Name: "anon_inode:inotify"}},
		{"anon_inode:bpf-map", "", FD{Type: FDBPF, Name: "anon_inode:bpf-map"}},
		{"anon_inode:[pidfd]", "Pid: 4711", FD{Type: FDPidfd, Name: "anon_inode:[pidfd]", PID: 4711}},
		{"anon_inode:[new thing]", "", FD{Type: FDUnsupported, Name: "anon_inode:[new thing]"}},
		{"mnt:[4026531832]", "", FD{Type: FDUnsupported, Name: "mnt:[4026531832]"}},
	}
	for i, w := range want {
		if w.info == "" {
			want[i].info, want[i].fd.Flags = "flags: 0", w.fd.Flags|scap.FileFlagsORdonly
		}
		h.fd(dir, i, w.target, want[i].info)
	}
	got := h.scan(Options{})[1].FDs
	if len(got) != len(want) {
		t.Fatalf("%d descriptors, want %d", len(got), len(want))
	}
	for i, w := range want {
		w.fd.Num = int64(i)
		if w.fd.Name == "" && w.target[0] == '/' {
			w.fd.Name = w.target
			var st unix.Stat_t
			if err := unix.Stat(w.target, &st); err != nil {
				t.Fatal(err)
			}
			w.fd.Ino, w.fd.Dev = st.Ino, kernelDev(st.Dev)
		}
		if w.info == "Pid: 4711" {
			w.fd.Flags = scap.FileFlagsORdonly
		}
		if diff := cmp.Diff(w.fd, got[i], cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w.target, diff)
		}
	}
	cut := h.scan(Options{MaxFDs: 3})[1]
	if len(cut.FDs) != 3 || !cut.FDsCut {
		t.Errorf("limit of 3: %d descriptors, cut %v", len(cut.FDs), cut.FDsCut)
	}
	if p := h.scan(Options{NoFDs: true})[1]; len(p.FDs) != 0 {
		t.Errorf("%d descriptors were not wanted", len(p.FDs))
	}
}

func TestOpenFlagsAreTranslated(t *testing.T) {
	for _, c := range []struct {
		name         string
		native, want uint32
	}{
		{"read", unix.O_RDONLY, scap.FileFlagsORdonly},
		{"write", unix.O_WRONLY, scap.FileFlagsOWronly},
		{"both", unix.O_RDWR, scap.FileFlagsORdwr},
		{"create and cut", unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC, scap.FileFlagsOWronly | scap.FileFlagsOCreat | scap.FileFlagsOTrunc},
		{"data sync is not sync", unix.O_DSYNC, scap.FileFlagsORdonly | scap.FileFlagsODsync},
		{"sync is both", unix.O_SYNC, scap.FileFlagsORdonly | scap.FileFlagsODsync | scap.FileFlagsOSync},
		{"a directory is no temporary file", unix.O_DIRECTORY, scap.FileFlagsORdonly | scap.FileFlagsODirectory},
		{"temporary file", unix.O_TMPFILE | unix.O_RDWR, scap.FileFlagsORdwr | scap.FileFlagsOTmpfile | scap.FileFlagsODirectory},
	} {
		if got := OpenFlags(c.native); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
}

func TestDeviceNumbersAreThoseOfEvents(t *testing.T) {
	for _, c := range []struct{ major, minor, want uint32 }{
		{254, 0, 0xfe00}, {8, 1, 0x801}, {0, 24, 0x18}, {259, 0x12345, 0x12310345},
	} {
		if got := kernelDev(unix.Mkdev(c.major, c.minor)); got != c.want {
			t.Errorf("%d:%d is %#x, want %#x", c.major, c.minor, got, c.want)
		}
	}
}

func TestAnErrorOfTheCallerEndsTheScan(t *testing.T) {
	h := newHost(t)
	h.process(task{tid: 1, comm: "a"})
	h.process(task{tid: 2, comm: "b"})
	enough, n := errors.New("enough"), 0
	err := Scan(h.root, Options{}, func(*Process) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}

func TestAHostWithoutProcIsAnError(t *testing.T) {
	r := New(t.TempDir(), Options{})
	if err := r.Scan(func(*Process) error { return nil }); err == nil {
		t.Error("no error")
	}
	if _, err := r.Lookup(1); err == nil || errors.Is(err, ErrNoProcess) {
		t.Errorf("lookup: %v", err)
	}
}
