// SPDX-License-Identifier: Apache-2.0

// Command sysload makes one system call many times and prints what one cost,
// in nanoseconds of this process's CPU time: the smallest and the median of
// many short batches, which hold on a machine that others use too.
//
//	sysload getppid|openclose|connect|write1 [calls]
package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const batch = 20000

var loads = map[string]func(n int){
	"getppid": func(n int) {
		for range n {
			unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		}
	},
	"openclose": func(n int) {
		for range n {
			if fd, err := unix.Open("/etc/hostname", unix.O_RDONLY, 0); err == nil {
				unix.Close(fd)
			}
		}
	},
	"connect": func(n int) {
		// UDP: the call alone, no packet and no peer's work in the figure.
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			fatal(err)
		}
		defer unix.Close(fd)
		to := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
		for range n {
			if err := unix.Connect(fd, to); err != nil {
				fatal(err)
			}
		}
	},
	"write1": func(n int) {
		fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
		if err != nil {
			fatal(err)
		}
		defer unix.Close(fd)
		b := []byte{'x'}
		for range n {
			if _, err := unix.Write(fd, b); err != nil {
				fatal(err)
			}
		}
	},
}

func main() {
	if len(os.Args) < 2 || loads[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: sysload getppid|openclose|connect|write1 [calls]")
		os.Exit(2)
	}
	calls := 1_000_000
	if len(os.Args) > 2 {
		n, err := strconv.Atoi(os.Args[2])
		if err != nil || n < batch {
			fmt.Fprintf(os.Stderr, "sysload: %q is not a number of at least %d\n", os.Args[2], batch)
			os.Exit(2)
		}
		calls = n
	}
	runtime.LockOSThread()
	load := loads[os.Args[1]]
	load(batch)
	var costs []float64
	for done := 0; done < calls; done += batch {
		start := cpuTime()
		load(batch)
		costs = append(costs, float64(cpuTime()-start)/batch)
	}
	slices.Sort(costs)
	fmt.Printf("%.1f %.1f\n", costs[0], costs[len(costs)/2])
}

func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		fatal(err)
	}
	return time.Duration(ts.Nano())
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "sysload:", err)
	os.Exit(1)
}
