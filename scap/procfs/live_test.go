// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// self looks the test's own process up.
func self(t *testing.T) *Process {
	t.Helper()
	p, err := New("", Options{MaxText: 1 << 20}).Lookup(int64(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWeAreWhoWeAre(t *testing.T) {
	p := self(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cwd, _ := os.Getwd()
	if p.ExePath != exe || p.CWD != cwd || p.Root != "/" || p.Exe != os.Args[0] || !slices.Equal(p.Args, os.Args[1:]) {
		t.Errorf("exe path %q, cwd %q, root %q, exe %q, args %q", p.ExePath, p.CWD, p.Root, p.Exe, p.Args)
	}
	m := p.Main
	if m.TID != int64(os.Getpid()) || m.PID != m.TID || m.PTID != int64(os.Getppid()) || int(m.UID) != os.Geteuid() || int(m.GID) != os.Getegid() {
		t.Errorf("ids %+v", m)
	}
	if m.SID == 0 && m.PGID == 0 || m.Comm == "" || m.VMRSS == 0 {
		t.Errorf("%+v", m)
	}
	if pg := unix.Getpgrp(); int(m.PGID) != pg {
		t.Errorf("process group %d, want %d", m.PGID, pg)
	}
	age := time.Since(time.Unix(0, int64(m.StartTS)))
	if age < 0 || age > time.Hour {
		t.Errorf("began %v ago", age)
	}
	if !slices.Contains(p.Env, "PATH="+os.Getenv("PATH")) {
		t.Errorf("environment %q", p.Env)
	}
	if p.NetNS == 0 || p.MntNS == 0 || p.PidNS == 0 || p.PidnsStart == 0 {
		t.Errorf("namespaces %d %d %d, since %d", p.NetNS, p.MntNS, p.PidNS, p.PidnsStart)
	}
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil && p.FDLimit != int64(l.Cur) {
		t.Errorf("limit of descriptors %d, want %d", p.FDLimit, l.Cur)
	}
}

func TestAThreadOfOursIsFound(t *testing.T) {
	got := make(chan *Process, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		p, err := New("", Options{}).Lookup(int64(unix.Gettid()))
		if err != nil {
			t.Error(err)
		}
		got <- p
	}()
	p := <-got
	if p == nil || p.PID != int64(os.Getpid()) || len(p.Threads) > 1 {
		t.Errorf("%+v", p)
	}
}

func TestOurDescriptorsAreFound(t *testing.T) {
	dir := t.TempDir()
	file, err := os.OpenFile(filepath.Join(dir, "file"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	conn, err := net.Dial("tcp4", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sock, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(event)

	fds := self(t).FDs
	find := func(what string, match func(*FD) bool) *FD {
		t.Helper()
		for i := range fds {
			if match(&fds[i]) {
				return &fds[i]
			}
		}
		t.Errorf("%s not found among %+v", what, fds)
		return &FD{}
	}
	f := find("file", func(f *FD) bool { return f.Name == file.Name() })
	if f.Num != int64(file.Fd()) || f.Type != FDFile || f.Ino == 0 || f.Dev == 0 || f.MountID == 0 ||
		f.Flags&^scap.FileFlagsOLargefile != scap.FileFlagsOWronly|scap.FileFlagsOAppend|scap.FileFlagsOCloexec {
		t.Errorf("file %+v", f)
	}
	find("listening socket", func(f *FD) bool {
		return f.Listen && f.Type == FDIPv4Server && f.L4 == L4TCP && f.Src.String() == tcp.Addr().String()
	})
	find("connection", func(f *FD) bool {
		return f.Type == FDIPv4 && f.Src.String() == conn.LocalAddr().String() && f.Dst.String() == tcp.Addr().String()
	})
	find("unix socket", func(f *FD) bool { return f.Type == FDUnix && f.Name == sock.Addr().String() })
	find("eventfd", func(f *FD) bool { return f.Type == FDEvent && f.Num == int64(event) })

	one, err := New("", Options{}).LookupFD(int64(os.Getpid()), int64(file.Fd()))
	if err != nil || one != *f {
		t.Errorf("alone: %+v, %v", one, err)
	}
	if _, err := New("", Options{}).LookupFD(int64(os.Getpid()), 1<<20); !errors.Is(err, unix.EBADF) {
		t.Errorf("no such descriptor: %v", err)
	}
	if _, err := New("", Options{}).LookupFD(1<<30, 0); !errors.Is(err, ErrNoProcess) {
		t.Errorf("no such process: %v", err)
	}
}

func TestAScanFindsUsAndLeaksNoDescriptor(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before, found := count(), false
	err := Scan("", Options{}, func(p *Process) error {
		found = found || p.PID == int64(os.Getpid())
		if p.Main.TID != p.PID {
			t.Errorf("%+v", p)
		}
		return nil
	})
	if err != nil || !found {
		t.Errorf("found us: %v, %v", found, err)
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestTheInitOfTheHostIsThere(t *testing.T) {
	if _, err := os.Stat("/proc/1/status"); err != nil {
		t.Skipf("/proc hides the processes of others: %v", err)
	}
	// Its program may be hidden from us, as it is from a container's root.
	p, err := New("", Options{}).Lookup(1)
	if err != nil || p.PID != 1 || p.Main.Comm == "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestEnvironReadsUpToTheLimit(t *testing.T) {
	r := New("", Options{})
	env, err := r.Environ(int64(os.Getpid()), 1<<20)
	if err != nil || !slices.Contains(env, "PATH="+os.Getenv("PATH")) {
		t.Errorf("%q, %v", env, err)
	}
	if env, _ = r.Environ(int64(os.Getpid()), 3); len(strings.Join(env, "\x00")) > 3 {
		t.Errorf("%q", env)
	}
	if _, err = r.Environ(1<<30, 10); err == nil {
		t.Error("no such process, no error")
	}
}
