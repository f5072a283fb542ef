// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// host is a made-up host below a temporary directory.
type host struct {
	t    testing.TB
	root string
}

func newHost(t testing.TB) *host {
	h := &host{t: t, root: t.TempDir()}
	h.file("proc/uptime", "1 1\n") // so that there is a /proc
	return h
}

func (h *host) file(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// link makes a link whose target need not exist, as those of /proc.
func (h *host) link(name, target string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		h.t.Fatal(err)
	}
}

// task describes a thread of the made-up host.
type task struct {
	tid, pid, parent int
	comm             string
	state            string // default S
	flags            int
	threads          int
	ticks            int
	nspid, nstgid    string // default: the ids
	uid              int
}

// thread writes the stat and status below dir, in the kernel's words.
func (h *host) thread(dir string, k task) {
	h.t.Helper()
	if k.state == "" {
		k.state = "S"
	}
	if k.nspid == "" {
		k.nspid = fmt.Sprint(k.tid)
	}
	if k.nstgid == "" {
		k.nstgid = fmt.Sprint(k.pid)
	}
	k.threads = max(k.threads, 1)
	h.file(dir+"/stat", fmt.Sprintf("%d (%s) %s %d 30 20 34816 -1 %d 11 0 22 0 5 6 0 0 20 0 %d 0 %d 1000000 388 18446744073709551615\n",
		k.tid, k.comm, k.state, k.parent, k.flags, k.threads, k.ticks))
	h.file(dir+"/status", fmt.Sprintf(`Name:	%s
Umask:	0022
State:	%s
Tgid:	%d
Ngid:	0
Pid:	%d
PPid:	%d
TracerPid:	0
Uid:	0	%d	0	0
Gid:	0	%d	0	0
FDSize:	64
Groups:	4 24 1000
NStgid:	%s
NSpid:	%s
NSpgid:	30	3
NSsid:	20	2
VmPeak:	    9999 kB
VmSize:	    3060 kB
VmRSS:	    1724 kB
VmSwap:	       8 kB
Threads:	1
CapInh:	0000000000000001
CapPrm:	000001fffeffffff
CapEff:	00000000a80425fb
CapBnd:	000001fffeffffff
`, k.comm, k.state, k.pid, k.tid, k.parent, k.uid, k.uid+1, k.nstgid, k.nspid))
}

// process writes a whole process with an executable of its own.
func (h *host) process(k task) string {
	h.t.Helper()
	k.pid = k.tid
	dir := fmt.Sprintf("proc/%d", k.tid)
	h.thread(dir, k)
	h.image(dir)
	return dir
}

// image writes what the threads of a process share.
func (h *host) image(dir string) {
	h.file("bin/app", "program")
	h.link(dir+"/exe", filepath.Join(h.root, "bin/app"))
	h.link(dir+"/cwd", "/srv")
	h.link(dir+"/root", "/")
	h.file(dir+"/cmdline", "app\x00-v\x00\x00last")
	h.file(dir+"/environ", "HOME=/root\x00EMPTY=\x00")
	h.file(dir+"/cgroup", "3:cpu,cpuacct:/docker/abc\n1:name=systemd:/init.scope\n0::/unified\n")
	h.file(dir+"/limits", "Limit                     Soft Limit           Hard Limit           Units     \n"+
		"Max open files            1024                 20000                files     \n")
	h.file(dir+"/loginuid", "1000")
	h.link(dir+"/ns/net", "net:[100]")
	h.link(dir+"/ns/mnt", "mnt:[200]")
	h.link(dir+"/ns/pid", "pid:[300]")
	h.file(dir+"/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda rw\n")
}

// scan reads all and returns copies by pid.
func (h *host) scan(opts Options) map[int64]*Process {
	h.t.Helper()
	if opts.BootTime == 0 {
		opts.BootTime = boot
	}
	all := map[int64]*Process{}
	last := int64(-1)
	err := Scan(h.root, opts, func(p *Process) error {
		if p.PID <= last {
			h.t.Errorf("process %d after %d", p.PID, last)
		}
		last = p.PID
		c := *p
		c.Threads = append([]Thread(nil), p.Threads...)
		c.FDs = append([]FD(nil), p.FDs...)
		c.Args = append([]string(nil), p.Args...)
		c.Env = append([]string(nil), p.Env...)
		c.Cgroups = append([]string(nil), p.Cgroups...)
		c.words = nil
		all[p.PID] = &c
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// boot is the time of the boot of the made-up host.
const boot = 1_000_000_000_000_000_000

// fd writes a descriptor of a process.
func (h *host) fd(dir string, num int, target, info string) {
	h.link(fmt.Sprintf("%s/fd/%d", dir, num), target)
	h.file(fmt.Sprintf("%s/fdinfo/%d", dir, num), "pos:	0\n"+strings.ReplaceAll(info, ";", "\n")+"\n")
}
