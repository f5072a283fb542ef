// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package fillers

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// unmade are the events of calls of this architecture that the scenario does
// not have, and why.
var unmade = map[scap.EventType]string{
	scap.EvVforkV20X: "Go cannot come back from it; fork and clone have the same filler",
}

// older are calls that programs hardly make any more, and those that fail or do
// nothing here: what counts is that every driver tells the same.
func (b *builder) older(t *testing.T) []call {
	dir := t.TempDir()
	name := func(s string) uintptr { return b.str(dir + "/" + s) }
	var fds, pair [2]int32
	var limit unix.Rlimit
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	listener := b.keep(t, sock, err)
	if err := unix.Bind(sock, &unix.SockaddrUnix{Name: dir + "/s"}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(sock, 3); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		b.keep(t, fd, err)
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: dir + "/s"}); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	here := b.keep(t, folder, err)
	none := ^uintptr(0)
	var out []call
	add := func(nr uintptr, args ...uintptr) { out = append(out, call{nr: nr, args: args}) }
	add(unix.SYS_OPEN, name("f"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o640)
	add(unix.SYS_OPEN, name("none"), unix.O_RDONLY)
	add(unix.SYS_CREAT, name("g"), 0o600)
	add(unix.SYS_CHMOD, name("f"), 0o4755)
	add(unix.SYS_LINK, name("f"), name("f2"))
	add(unix.SYS_SYMLINK, name("f"), name("f3"))
	add(unix.SYS_RENAME, name("f2"), name("f4"))
	add(unix.SYS_RENAMEAT, cwd, name("f4"), cwd, name("f5"))
	add(unix.SYS_UNLINK, name("f5"))
	add(unix.SYS_MKDIR, name("d"), 0o755)
	add(unix.SYS_RMDIR, name("d"))
	add(unix.SYS_FCHDIR, here)
	add(unix.SYS_PIPE, ptr(b, &fds))
	add(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, ptr(b, &pair))
	add(unix.SYS_DUP2, here, here)
	add(unix.SYS_ACCEPT, listener, 0, 0)
	add(unix.SYS_ACCEPT4, listener, 0, 0, unix.SOCK_CLOEXEC)
	add(unix.SYS_ACCEPT, none, 0, 0)
	add(unix.SYS_GETGID)
	add(unix.SYS_GETRLIMIT, unix.RLIMIT_NOFILE, ptr(b, &limit))
	add(unix.SYS_SEMGET, 0, 3, 0o600)
	add(unix.SYS_SETUID, uintptr(unix.Getuid()))
	add(unix.SYS_SETGID, uintptr(unix.Getgid()))
	add(unix.SYS_SETREUID, none, none)
	add(unix.SYS_SETRESGID, none, none, none)
	add(unix.SYS_SETSID)
	add(unix.SYS_CLONE3, 0, 0)
	add(unix.SYS_EXECVEAT, cwd, name("none"), 0, 0, 0)
	return out
}

// forks makes a child by fork, which ends at once.
func forks(t *testing.T) int64 {
	pid, _, errno := unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)
	if pid == 0 && errno == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 3, 0, 0)
	}
	if errno != 0 {
		t.Fatal(errno)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(int(pid), &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	return int64(pid)
}

// covered fails for calls that are not told by an event of their own here.
func covered(t *testing.T, told map[scap.EventType]int) {
	t.Helper()
	for sc := range scap.Syscalls {
		info := scap.SC(sc).Info()
		if info == nil || info.Number[scap.AMD64] < 0 && info.Kind != scap.KindTracepoint || untold.Has(scap.SC(sc)) {
			continue
		}
		if told[info.Exit] == 0 && unmade[info.Exit] == "" {
			t.Errorf("no event %s in the scenario (%s)", info.Exit.Info().Enum, info.Name)
		}
	}
}
