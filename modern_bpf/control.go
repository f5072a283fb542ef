// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap/plane"
)

// Mirrors of the structures in bpf/maps.h; a test compares them with the BTF
// of the compiled object.
type (
	control struct {
		Active     uint32
		Self       uint32
		BootOffset int64
		Plane      [2]plane.Plane
		Sampling   uint32
		Silent     uint32
		Marking    uint64
		AllNames   uint32
		_          uint32
	}
	counters struct {
		Seen         uint64
		Delivered    uint64
		DropsRing    uint64
		DropsPage    uint64
		DropsScratch uint64
		Faults       uint64
		DropsClass   [8]uint64
		Sampled      uint64
		NoSlot       [8]uint64
	}
)

const (
	slots     = 4           // scratch slots of a CPU
	callTable = plane.Table // syscall codes, too
)

// mapMemory maps the values of an array map that was made mappable.
func mapMemory(m *ebpf.Map, size int, prot int) ([]byte, error) {
	page := os.Getpagesize()
	size = (size + page - 1) &^ (page - 1)
	b, err := unix.Mmap(m.FD(), 0, size, prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of a BPF array: %w", size, err)
	}
	return b, nil
}

// shared is the memory that the driver and its programs have in common.
// The control block is written by the goroutine that owns the selection, under
// Driver.mu; programs read it at any time.
type shared struct {
	controlMem []byte
	countMem   []byte
	dropMem    []byte
	control    *control
	counts     []counters // by CPU and slot
	drops      []uint64   // by syscall code
}

func newShared(maps map[string]*ebpf.Map, ncpu int) (_ *shared, err error) {
	s := &shared{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.controlMem, err = mapMemory(maps[mapControl], int(unsafe.Sizeof(control{})), unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return nil, err
	}
	n := ncpu * slots
	if s.countMem, err = mapMemory(maps[mapCounts], n*int(unsafe.Sizeof(counters{})), unix.PROT_READ); err != nil {
		return nil, err
	}
	if s.dropMem, err = mapMemory(maps[mapDrops], callTable*8, unix.PROT_READ); err != nil {
		return nil, err
	}
	s.control = (*control)(unsafe.Pointer(&s.controlMem[0]))
	s.counts = unsafe.Slice((*counters)(unsafe.Pointer(&s.countMem[0])), n)
	s.drops = unsafe.Slice((*uint64)(unsafe.Pointer(&s.dropMem[0])), callTable)
	return s, nil
}

// install makes p the selection: it fills the plane that no program looks at
// and then switches to it with one store.
func (s *shared) install(p *plane.Plane) {
	next := 1 - atomic.LoadUint32(&s.control.Active)&1
	s.control.Plane[next] = *p
	atomic.StoreUint32(&s.control.Active, next)
}

func (s *shared) close() {
	for _, mem := range [][]byte{s.controlMem, s.countMem, s.dropMem} {
		if mem != nil {
			unix.Munmap(mem)
		}
	}
	*s = shared{}
}
