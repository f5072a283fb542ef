// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap/ring"
)

// mapPerf is where the legacy probe finds its perf buffers.
const mapPerf = "tcl_perf"

// perfSet is a perf buffer for each CPU that is online. What happens on one
// that comes up later is dropped, and counted.
type perfSet struct {
	bytes  int
	ncpu   int
	online []int
	fds    []int // of the perf events, by index of online
}

func newPerfSet(opts Options, ncpu int) (_ *perfSet, err error) {
	online, err := opts.onlineCPUs()
	if err != nil {
		return nil, err
	}
	s := &perfSet{bytes: opts.RingBytes, ncpu: ncpu}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	attr := unix.PerfEventAttr{
		Type:        unix.PERF_TYPE_SOFTWARE,
		Config:      unix.PERF_COUNT_SW_BPF_OUTPUT,
		Sample_type: unix.PERF_SAMPLE_RAW,
		Sample:      1,
		// The reader is woken when the buffer fills to a quarter, and polls otherwise.
		Bits:   unix.PerfBitWatermark,
		Wakeup: uint32(opts.RingBytes / 4),
	}
	for _, cpu := range online {
		if cpu >= ncpu {
			continue
		}
		fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return nil, perfError(err, cpu)
		}
		s.online = append(s.online, cpu)
		s.fds = append(s.fds, fd)
	}
	return s, nil
}

// paranoidFile says who may open perf buffers. Above 2, a level that distributions
// add, some kernels want CAP_SYS_ADMIN and others are content with CAP_PERFMON.
const paranoidFile = "/proc/sys/kernel/perf_event_paranoid"

func perfError(err error, cpu int) error {
	doing := fmt.Sprintf("open a perf buffer on CPU %d", cpu)
	if isPermission(err) {
		text, _ := os.ReadFile(paranoidFile)
		return &PermissionError{Doing: doing, Hint: perfHint(string(text)), Err: err}
	}
	return explain(os.NewSyscallError("perf_event_open", err), doing, "BPF output to perf buffers", "4.4", "the kernel must be built with CONFIG_PERF_EVENTS")
}

// perfHint says what to do about a refusal at that level; "": it is not the level.
func perfHint(paranoid string) string {
	level, err := strconv.Atoi(strings.TrimSpace(paranoid))
	if err != nil || level <= 2 {
		return ""
	}
	return fmt.Sprintf("kernel.perf_event_paranoid is %d: this kernel opens perf buffers for CAP_SYS_ADMIN only, which of the service's units "+
		"tiercel-bpf has: tiercel driver set bpf; or set the level to 2; in a container, add the capability", level)
}

func (s *perfSet) declare(maps map[string]*ebpf.MapSpec) { maps[mapPerf].MaxEntries = uint32(s.ncpu) }

func (s *perfSet) connect(maps map[string]*ebpf.Map) error {
	for i, cpu := range s.online {
		if err := maps[mapPerf].Put(uint32(cpu), uint32(s.fds[i])); err != nil {
			return fmt.Errorf("give CPU %d its perf buffer: %w", cpu, err)
		}
		if err := unix.IoctlSetInt(s.fds[i], unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			return fmt.Errorf("enable the perf buffer of CPU %d: %w", cpu, err)
		}
	}
	return nil
}

// quiesce has the kernel wait for all that runs without sleeping, programs on
// tracepoints included (membarrier(2)).
func (s *perfSet) quiesce(map[string]*ebpf.Map) error {
	const global = 1 // MEMBARRIER_CMD_GLOBAL
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("membarrier", errno)
	}
	return nil
}

func (s *perfSet) cpus() int { return s.ncpu }

func (s *perfSet) specs() []ring.Spec {
	specs := make([]ring.Spec, len(s.fds))
	for i, fd := range s.fds {
		specs[i] = ring.Spec{FD: fd, Size: s.bytes, CPU: uint16(s.online[i]), Perf: true}
	}
	return specs
}

func (s *perfSet) close() {
	for _, fd := range s.fds {
		_ = unix.Close(fd)
	}
	s.fds = nil
}
