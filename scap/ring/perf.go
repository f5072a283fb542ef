// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// A perf buffer: a control page, then the data. Records have a header (u32
// type, u16 misc, u16 size, a multiple of 8) and are written whole before the
// position moves, so none is ever busy. An event is the raw data of a sample
// (u32 size, data). See perf_event_open(2).
const (
	perfHead = 1024 // offsets in struct perf_event_mmap_page
	perfTail = 1032

	perfRecordHeader = 8
	perfRawAt        = perfRecordHeader + 4
	perfSample       = 9 // PERF_RECORD_SAMPLE; all others are skipped
)

// perfSpill is memory of our own behind the data. A perf buffer cannot be mapped
// twice in a row as a BPF ring buffer is (the second mapping would cut the
// control page off the first, which the kernel forbids since 2025), so the part
// of a record that lies at the beginning of the data is copied behind their end.
// Between the two positions there is at most one such record.
const perfSpill = 1 << 16

// MapPerf maps the data of a perf event with samples of raw data, size bytes of
// it. The descriptor stays the caller's and must stay open as long as the ring is
// read. What the kernel could not write is counted by the program that wrote it:
// records of losses are skipped.
func MapPerf(fd, size int, cpu uint16) (*Ring, error) {
	page := os.Getpagesize()
	if err := checkSize(size, page); err != nil {
		return nil, err
	}
	total := uintptr(page + size + perfSpill)
	base, err := unix.MmapPtr(-1, 0, nil, total, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("reserve memory for ring %d (%d bytes): %w", cpu, total, err)
	}
	_, err = unix.MmapPtr(fd, 0, base, uintptr(page+size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
	if err != nil {
		_ = unix.MunmapPtr(base, total)
		hint := ""
		if errors.Is(err, unix.EPERM) { // the memory is locked (perf_mmap in kernel/events/core.c)
			hint = ": needs CAP_IPC_LOCK, or smaller rings"
		}
		return nil, fmt.Errorf("map the perf buffer of CPU %d (%d bytes): %w%s", cpu, size, err, hint)
	}
	r, err := FromPerfMemory(unsafe.Slice((*byte)(base), total), size, cpu)
	if err != nil {
		_ = unix.MunmapPtr(base, total)
		return nil, err
	}
	r.fd, r.region = fd, base
	return r, nil
}

// FromPerfMemory makes a ring over memory in the layout of a perf buffer that
// something else writes: the control page and the data, and behind them 64 KiB
// of room.
func FromPerfMemory(mem []byte, size int, cpu uint16) (*Ring, error) {
	page := os.Getpagesize()
	if err := checkSize(size, page); err != nil {
		return nil, err
	}
	if len(mem) < page+size+perfSpill {
		return nil, fmt.Errorf("perf buffer of %d bytes: memory of %d bytes is too small", size, len(mem))
	}
	r := &Ring{
		cons: (*uint64)(unsafe.Pointer(&mem[perfTail])),
		prod: (*uint64)(unsafe.Pointer(&mem[perfHead])),
		data: mem[page : page+size+perfSpill : page+size+perfSpill],
		mask: uint64(size) - 1,
		cpu:  cpu, fd: -1,
		perf: true, payloadAt: perfRawAt,
	}
	r.scanned = atomic.LoadUint64(r.cons) &^ (recordAlign - 1)
	return r, nil
}

// unmapRegion gives back what MapPerf mapped.
func (r *Ring) unmapRegion() error {
	if r.region == nil {
		return nil
	}
	base, total := r.region, uintptr(os.Getpagesize())+uintptr(r.mask+1)+perfSpill
	r.region = nil
	return unix.MunmapPtr(base, total)
}

// perfHeader is header for a perf buffer. What is no sample, or one that cannot
// be, looks like a discarded record.
func (r *Ring) perfHeader(pos uint64) (head uint32, step uint64, ok bool) {
	p := r.data[pos&r.mask:]
	step = uint64(binary.NativeEndian.Uint16(p[6:]))
	if step < perfRecordHeader || step%recordAlign != 0 || step > r.limit-pos {
		return 0, step, false
	}
	if over := pos&r.mask + step; over > r.mask+1 {
		copy(r.data[r.mask+1:over], r.data)
	}
	if binary.NativeEndian.Uint32(p) != perfSample || step < perfRawAt {
		return discardBit, step, true
	}
	size := min(binary.NativeEndian.Uint32(p[perfRecordHeader:]), uint32(step-perfRawAt))
	if size >= scap.HeaderSize {
		// The kernel pads: an event is as long as it says itself.
		size = min(size, binary.LittleEndian.Uint32(p[perfRawAt+16:]))
	}
	return size, step, true
}
