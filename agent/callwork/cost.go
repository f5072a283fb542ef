// SPDX-License-Identifier: Apache-2.0

package callwork

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

// Cost is how often a call happens on a busy host, and so what it costs to
// collect it. It is told from what the call is for, not measured here.
type Cost string

// Costs.
const (
	Low      Cost = "low"       // when processes begin and end, users change, modules are loaded
	Medium   Cost = "medium"    // with each file or connection
	High     Cost = "high"      // many times for each of them, or with each allocation
	VeryHigh Cost = "very high" // without end: data, waiting, the scheduler
)

// veryHigh are the calls that happen without end beside those that move data.
var veryHigh = scap.ParseSyscallSet("futex", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6",
	"clock_gettime", "gettimeofday", "nanosleep", "clock_nanosleep", "sched_yield", "rt_sigprocmask", "io_uring_enter",
	"switch", "page_fault").Union(sinsp.IOSet())

// high are calls about files and memory that come several times for each.
var high = scap.ParseSyscallSet("close", "fcntl", "lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat",
	"readlink", "getdents64", "mmap", "munmap", "mprotect", "brk", "madvise", "rt_sigaction", "epoll_ctl", "getsockopt", "ioctl",
	"signaldeliver").Union(sinsp.IOOtherSet(sinsp.Current))

// medium are the calls about files and sockets.
var medium = sinsp.FileSet(sinsp.Current).Union(sinsp.NetSet())

// rare are calls of those families that hardly anybody makes.
var rare = scap.ParseSyscallSet("mount", "umount", "umount2", "chroot", "pivot_root", "io_uring_setup", "io_uring_register", "userfaultfd",
	"open_by_handle_at", "creat", "listen", "bind")

// CostOf returns the cost of a call or tracepoint.
func CostOf(sc scap.SC) Cost {
	switch {
	case rare.Has(sc):
		return Low
	case veryHigh.Has(sc):
		return VeryHigh
	case high.Has(sc):
		return High
	case medium.Has(sc):
		return Medium
	}
	return Low
}
