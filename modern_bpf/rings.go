// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/tiercel/tiercel/scap/ring"
)

// transport is how events come from the programs.
type transport interface {
	// declare adapts the maps of the object before they are made.
	declare(maps map[string]*ebpf.MapSpec)
	// connect puts the rings into the maps.
	connect(maps map[string]*ebpf.Map) error
	// quiesce returns when all programs have ended that run now.
	quiesce(maps map[string]*ebpf.Map) error
	cpus() int // possible ones
	specs() []ring.Spec
	close()
}

func newTransport(opts Options, ncpu int) (transport, error) {
	// Not returned directly: a nil pointer in an interface is not nil.
	if opts.legacy != nil {
		s, err := newPerfSet(opts, ncpu)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := newRingSet(opts, ncpu)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ringSet is the ring buffers and which CPU uses which.
type ringSet struct {
	bytes int
	maps  []*ebpf.Map
	first []int // a ring's lowest CPU
	byCPU []int // CPU to index into maps
}

// newRingSet makes the rings. Only CPUs that are online get rings; one that
// comes up later shares the first, so that its events are not lost.
func newRingSet(opts Options, ncpu int) (_ *ringSet, err error) {
	online, err := opts.onlineCPUs()
	if err != nil {
		return nil, err
	}
	s := &ringSet{bytes: opts.RingBytes, byCPU: make([]int, ncpu)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	per := opts.CPUsPerRing
	if per == OneRing {
		per = ncpu
	}
	for i, cpu := range online {
		if cpu >= ncpu {
			continue
		}
		if i%per == 0 {
			m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "tcl_ring", Type: ebpf.RingBuf, MaxEntries: uint32(opts.RingBytes)})
			if err != nil {
				return nil, explain(fmt.Errorf("ring %d of %d bytes: %w", len(s.maps), opts.RingBytes, err),
					"make a BPF ring buffer", "the BPF ring buffer", "5.8", "if memory is short, choose smaller rings or more CPUs per ring")
			}
			s.maps = append(s.maps, m)
			s.first = append(s.first, cpu)
		}
		s.byCPU[cpu] = len(s.maps) - 1
	}
	return s, nil
}

func (s *ringSet) declare(maps map[string]*ebpf.MapSpec) {
	maps[mapRings].MaxEntries = uint32(len(s.byCPU))
	maps[mapRings].InnerMap = &ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: uint32(s.bytes)}
}

func (s *ringSet) connect(maps map[string]*ebpf.Map) error {
	for cpu, i := range s.byCPU {
		if err := maps[mapRings].Put(uint32(cpu), s.maps[i]); err != nil {
			return fmt.Errorf("give CPU %d its ring: %w", cpu, err)
		}
	}
	return nil
}

// quiesce writes an entry once more: the kernel answers an update of a map of
// maps only when all running programs have seen it.
func (s *ringSet) quiesce(maps map[string]*ebpf.Map) error {
	return maps[mapRings].Put(uint32(0), s.maps[s.byCPU[0]])
}

func (s *ringSet) cpus() int { return len(s.byCPU) }

func (s *ringSet) specs() []ring.Spec {
	specs := make([]ring.Spec, len(s.maps))
	for i, m := range s.maps {
		specs[i] = ring.Spec{FD: m.FD(), Size: s.bytes, CPU: uint16(s.first[i])}
	}
	return specs
}

func (s *ringSet) close() {
	for _, m := range s.maps {
		m.Close()
	}
	s.maps = nil
}

// onlineCPUs lists the CPUs that get rings.
func (o *Options) onlineCPUs() ([]int, error) {
	if o.online != nil {
		return o.online, nil
	}
	return onlineCPUs()
}

// onlineCPUs lists the CPUs that run, ascending.
func onlineCPUs() ([]int, error) {
	const path = "/sys/devices/system/cpu/online"
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("list the online CPUs: %w (is /sys mounted?)", err)
	}
	cpus, err := parseCPUList(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cpus, nil
}

// parseCPUList reads the kernel's list format: "0-3,8,10-11".
func parseCPUList(s string) ([]int, error) {
	const most = 1 << 16
	var cpus []int
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(lo)
		if err != nil {
			return nil, fmt.Errorf("CPU list %q: %w", s, err)
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(hi); err != nil {
				return nil, fmt.Errorf("CPU list %q: %w", s, err)
			}
		}
		if first < 0 || last < first || last >= most {
			return nil, fmt.Errorf("CPU list %q: bad range %q", s, part)
		}
		for c := first; c <= last; c++ {
			cpus = append(cpus, c)
		}
	}
	return cpus, nil
}
