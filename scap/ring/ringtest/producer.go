// SPDX-License-Identifier: Apache-2.0

// Package ringtest writes ring buffers the way the kernel does, in ordinary
// memory, so that everything behind the rings can be tested and measured
// without a kernel program.
package ringtest

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap/ring"
)

const (
	headerSize = 8
	busyBit    = 1 << 31
	discardBit = 1 << 30
)

// Producer is the writing side of a ring. One goroutine owns it; another one
// may read the ring at the same time.
type Producer struct {
	mem  []byte // consumer page, producer page, data, the same data again
	cons *uint64
	prod *uint64
	data []byte
	mask uint64
	page int
}

// New makes a ring of size bytes, a power of two and at least a page. Close
// gives its memory back.
func New(size int) (*Producer, error) {
	page := os.Getpagesize()
	fd, err := unix.MemfdCreate("ring", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make ring memory: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(2*page+size)); err != nil {
		return nil, fmt.Errorf("size ring memory: %w", err)
	}
	mem, err := unix.Mmap(-1, 0, 2*page+2*size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("reserve ring memory: %w", err)
	}
	base := unsafe.Pointer(&mem[0])
	const rw, fixed = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_FIXED
	_, err = unix.MmapPtr(fd, 0, base, uintptr(2*page+size), rw, fixed)
	if err == nil {
		_, err = unix.MmapPtr(fd, int64(2*page), unsafe.Add(base, 2*page+size), uintptr(size), rw, fixed)
	}
	if err != nil {
		_ = unix.Munmap(mem)
		return nil, fmt.Errorf("map ring memory: %w", err)
	}
	return &Producer{
		mem:  mem,
		cons: (*uint64)(base),
		prod: (*uint64)(unsafe.Add(base, page)),
		data: mem[2*page:],
		mask: uint64(size) - 1,
		page: page,
	}, nil
}

// Ring returns the reading side.
func (p *Producer) Ring(cpu uint16) (*ring.Ring, error) {
	return ring.FromMemory(p.mem[:p.page], p.mem[p.page:], int(p.mask+1), cpu)
}

// Close gives the memory back; the reading side must be done with it.
func (p *Producer) Close() error {
	p.cons, p.prod, p.data = nil, nil, nil
	return unix.Munmap(p.mem)
}

// Reserve makes room for n bytes and returns them, or false when the ring is
// full. The record is busy, and holds up all behind it, until Submit.
func (p *Producer) Reserve(n int) (Record, bool) {
	step := (uint64(n) + headerSize + 7) &^ 7
	prod := atomic.LoadUint64(p.prod)
	// The kernel refuses a record that would make the positions meet.
	if prod+step-atomic.LoadUint64(p.cons) > p.mask {
		return Record{}, false
	}
	at := prod & p.mask
	head := p.data[at : at+headerSize]
	binary.LittleEndian.PutUint32(head[4:], uint32(at>>12))
	r := Record{
		head: (*uint32)(unsafe.Pointer(&head[0])),
		Data: p.data[at+headerSize : at+headerSize+uint64(n)],
		len:  uint32(n),
	}
	atomic.StoreUint32(r.head, r.len|busyBit)
	atomic.StoreUint64(p.prod, prod+step)
	return r, true
}

// Write puts a whole record into the ring; false when the ring is full.
func (p *Producer) Write(b []byte) bool {
	r, ok := p.Reserve(len(b))
	if ok {
		copy(r.Data, b)
		r.Submit()
	}
	return ok
}

// Positions returns how far the reader has given memory back, and how far
// records are reserved.
func (p *Producer) Positions() (consumer, producer uint64) {
	return atomic.LoadUint64(p.cons), atomic.LoadUint64(p.prod)
}

// SetPositions overwrites both positions: for rings that start late in their
// life, and for broken ones.
func (p *Producer) SetPositions(consumer, producer uint64) {
	atomic.StoreUint64(p.cons, consumer)
	atomic.StoreUint64(p.prod, producer)
}

// Data returns the bytes of the ring, to break them.
func (p *Producer) Data() []byte { return p.data[:p.mask+1] }

// Record is a reserved record.
type Record struct {
	Data []byte
	head *uint32
	len  uint32
}

// Submit hands the record to the reader.
func (r Record) Submit() { atomic.StoreUint32(r.head, r.len) }

// Discard takes the record back: the reader skips it.
func (r Record) Discard() { atomic.StoreUint32(r.head, r.len|discardBit) }
