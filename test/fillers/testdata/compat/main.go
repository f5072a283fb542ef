// SPDX-License-Identifier: Apache-2.0

// Command compat is built for GOARCH=386: its structures and pointers are half
// as wide, and its socket calls all go through socketcall.
package main

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Only the goroutine of an init is sure to be on the first thread, whose events are
// looked at: main may have been taken to another one before its first line.
func init() { runtime.LockOSThread() }

func main() {
	name := os.Args[1]
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o640)
	check(err)
	_, err = unix.Writev(fd, [][]byte{[]byte("from "), []byte("32 bits")})
	check(err)
	_, err = unix.Pread(fd, make([]byte, 20), 5)
	check(err)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	check(err)
	check(unix.Sendmsg(pair[0], []byte("msg32"), nil, nil, 0))
	_, _, _, _, err = unix.Recvmsg(pair[1], make([]byte, 20), nil, 0)
	check(err)
	check(unix.Nanosleep(&unix.Timespec{Nsec: 777}, nil))
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	check(err)
	check(unix.Connect(s, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 0, 0, 1}}))
	var limit [2]uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_UGETRLIMIT, unix.RLIMIT_CORE, uintptr(unsafe.Pointer(&limit)), 0); errno != 0 {
		check(errno)
	}
	check(unix.Chown(name, os.Getuid(), os.Getgid()))
	check(unix.Unlink(name))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
