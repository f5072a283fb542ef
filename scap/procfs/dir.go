// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dir is an open directory of /proc. Names below it are looked up from there,
// which is cheaper than from the root and stays with one process even when
// its pid is used again.
type dir int

const noDir dir = -1

// openPath opens a directory only to look up names in it, which is cheaper.
func openPath(at dir, name string) (dir, error) {
	fd, err := unix.Openat(int(at), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return dir(fd), err
}

func openDir(at dir, name string) (dir, error) {
	fd, err := unix.Openat(int(at), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return dir(fd), err
}

func (d dir) close() { _ = unix.Close(int(d)) }

// read reads at most len(buf) bytes of a file into buf.
func (d dir) read(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			_ = unix.Close(fd)
			return buf[:n], err
		}
		n += m
	}
	return buf[:n], unix.Close(fd)
}

// readOnce is read for files that the kernel hands out whole in one read when
// the buffer is large enough: it saves the read that finds the end.
func (d dir) readOnce(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	n, err := unix.Read(fd, buf)
	_ = unix.Close(fd)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// link returns the target of a link; buf is overwritten.
func (d dir) link(name string, buf []byte) ([]byte, error) {
	n, err := unix.Readlinkat(int(d), name, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// numbers appends the entries of the directory whose names are numbers.
func (d dir) numbers(nums []int64, buf []byte) ([]int64, error) {
	for {
		n, err := unix.Getdents(int(d), buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return nums, err
		}
		nums = appendNumbers(nums, buf[:n])
	}
}

// appendNumbers picks the numeric names out of a getdents64 answer: records of
// inode u64, offset u64, length u16, type u8, name with NUL.
func appendNumbers(nums []int64, b []byte) []int64 {
	const nameOffset = int(unsafe.Offsetof(unix.Dirent{}.Name))
	for len(b) > nameOffset {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= nameOffset || size > len(b) {
			return nums
		}
		if v, ok := leadingNumber(b[nameOffset:size]); ok {
			nums = append(nums, v)
		}
		b = b[size:]
	}
	return nums
}

// leadingNumber parses a NUL-terminated decimal number.
func leadingNumber(name []byte) (v int64, ok bool) {
	for i, c := range name {
		switch {
		case c == 0:
			return v, i > 0
		case c < '0' || c > '9' || i > 17:
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return 0, false
}
