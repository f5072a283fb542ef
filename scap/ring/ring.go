// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// The record header: u32 length and flags, u32 page offset (the kernel's own).
// Records are aligned to 8 bytes. See kernel/bpf/ringbuf.c.
const (
	recordHeader = 8
	recordAlign  = 8
	busyBit      = 1 << 31 // reserved, not yet submitted
	discardBit   = 1 << 30 // submitted as "ignore me"
	lengthMask   = discardBit - 1
)

// Ring is the consumer's side of one BPF ring buffer, or of a perf buffer. The zero value is not
// usable; Map and FromMemory make one.
//
// The positions count bytes from the ring's birth and never wrap (64 bits);
// masked with size-1 they index data, which holds the ring twice in a row so
// that a record that crosses the end is contiguous.
type Ring struct {
	cons *uint64 // ours: how far the kernel may overwrite
	prod *uint64 // the kernel's: how far records are reserved
	data []byte  // 2*size bytes; of a perf buffer size and room for what crosses the end
	mask uint64
	cpu  uint16
	fd   int // for epoll only; -1 without

	perf      bool   // a perf buffer: see perf.go
	payloadAt uint64 // where a record's payload begins

	consMem, prodMem []byte         // what Map mapped
	region           unsafe.Pointer // what MapPerf mapped

	// Below: state of the merge, owned by the reader's goroutine.

	scanned uint64  // position up to which records are in queue
	queue   []entry // scanned, undelivered records by (ts, position)
	head    int     // first undelivered entry
	unruly  int     // entries before this index may not be in position order
	limit   uint64  // producer position of the current round

	blockedAt    uint64 // position of a busy record that holds the ring up
	blockedSince uint64 // clock when it was first seen; 0 = not blocked
}

// entry is a whole record that waits for its turn. pos is the low half of its
// position: a ring is far smaller than 2 GB, so differences decide the order.
type entry struct {
	ts   uint64
	pos  uint32
	size uint32 // of the payload
}

// maxSize keeps differences of 32-bit positions meaningful.
const maxSize = 1 << 30

// Map maps the BPF ring buffer map behind fd, whose max_entries is size. The
// descriptor stays the caller's and must stay open as long as the ring is
// read; cpu is what events of the ring report as their CPU.
func Map(fd, size int, cpu uint16) (*Ring, error) {
	page := os.Getpagesize()
	if err := checkSize(size, page); err != nil {
		return nil, err
	}
	cons, err := unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map consumer page of ring %d: %w", cpu, err)
	}
	// The producer page and the data come in one read-only mapping, in which
	// the kernel shows the data twice.
	prod, err := unix.Mmap(fd, int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(cons)
		return nil, fmt.Errorf("map data of ring %d (%d bytes, twice): %w", cpu, size, err)
	}
	r := newRing(cons, prod, page, size)
	r.consMem, r.prodMem = cons, prod
	r.cpu, r.fd = cpu, fd
	return r, nil
}

// FromMemory makes a ring over memory in the kernel's layout that something
// else writes: the consumer page, and the producer page followed by the data,
// twice. size is a power of two and a multiple of the page size.
func FromMemory(consumer, producer []byte, size int, cpu uint16) (*Ring, error) {
	page := os.Getpagesize()
	if err := checkSize(size, page); err != nil {
		return nil, err
	}
	if len(consumer) < page || len(producer) < page+2*size {
		return nil, fmt.Errorf("ring of %d bytes: memory of %d and %d bytes is too small", size, len(consumer), len(producer))
	}
	r := newRing(consumer, producer, page, size)
	r.cpu, r.fd = cpu, -1
	return r, nil
}

func checkSize(size, page int) error {
	if size < page || size > maxSize || bits.OnesCount(uint(size)) != 1 {
		return fmt.Errorf("ring size %d: need a power of two from %d to %d", size, page, maxSize)
	}
	return nil
}

func newRing(cons, prod []byte, page, size int) *Ring {
	r := &Ring{
		cons: (*uint64)(unsafe.Pointer(&cons[0])),
		prod: (*uint64)(unsafe.Pointer(&prod[0])),
		data: prod[page : page+2*size : page+2*size],
		mask: uint64(size) - 1,

		payloadAt: recordHeader,
	}
	r.scanned = atomic.LoadUint64(r.cons) &^ (recordAlign - 1)
	return r
}

// Size returns the number of bytes of the ring.
func (r *Ring) Size() int { return int(r.mask + 1) }

// Available returns how many bytes wait between the two positions.
func (r *Ring) Available() uint64 {
	return atomic.LoadUint64(r.prod) - atomic.LoadUint64(r.cons)
}

// Unmap gives the memory back. No event of the ring may be used after it.
func (r *Ring) Unmap() error {
	first := r.unmapRegion()
	for _, m := range []*[]byte{&r.consMem, &r.prodMem} {
		if *m == nil {
			continue
		}
		if err := unix.Munmap(*m); err != nil && first == nil {
			first = err
		}
		*m = nil
	}
	r.cons, r.prod, r.data = nil, nil, nil
	return first
}

// snapshot fixes the round's limit: where the records reserved so far end. It
// reports false, and skips everything, for a position that cannot be.
func (r *Ring) snapshot() bool {
	prod := atomic.LoadUint64(r.prod) &^ (recordAlign - 1)
	ok := prod-r.scanned <= r.mask+1
	if !ok {
		r.scanned = prod
	}
	r.limit = prod
	return ok
}

// scanResult is what one scan found.
type scanResult struct {
	malformed uint64 // records that are no whole event
	floor     uint64 // when held up: the oldest event behind the busy record
	blocked   bool
}

// scan queues all submitted records up to the round's limit and sorts them.
//
// Ordering: the limit was read with acquire semantics, and the kernel sets it
// with release semantics after the header of a new record is written with the
// busy bit. Submitting stores the header once more, without the bit, by an
// xchg after the payload is written. So a header must be loaded atomically,
// and a payload may be looked at only when the bit was seen to be clear.
func (r *Ring) scan() (res scanResult) {
	last := uint64(0)
	if n := len(r.queue); n > r.head {
		last = r.queue[n-1].ts
	}
	sorted := true
	for r.scanned < r.limit {
		head, step, ok := r.header(r.scanned)
		if !ok {
			// The chain of lengths is broken: nothing behind can be found again.
			res.malformed++
			r.scanned = r.limit
			break
		}
		if head&busyBit != 0 {
			res.blocked = true
			res.floor = r.floorBehind(r.scanned + step)
			break
		}
		if head&discardBit == 0 {
			size := uint64(head & lengthMask)
			if ts, whole := r.timestamp(r.scanned, size); whole {
				r.queue = append(r.queue, entry{ts: ts, pos: uint32(r.scanned), size: uint32(size)})
				if ts < last {
					sorted = false
				}
				last = ts
			} else {
				res.malformed++
			}
		}
		r.scanned += step
	}
	if !sorted {
		r.sort()
	}
	return res
}

// header returns the header word at pos and the distance to the next record;
// ok is false when that would lead beyond the limit.
func (r *Ring) header(pos uint64) (head uint32, step uint64, ok bool) {
	if r.perf {
		return r.perfHeader(pos)
	}
	head = atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[pos&r.mask])))
	step = (uint64(head&lengthMask) + recordHeader + recordAlign - 1) &^ (recordAlign - 1)
	return head, step, step <= r.limit-pos
}

// timestamp returns the time of the event in the record at pos, if the record
// holds as much as its event header says.
func (r *Ring) timestamp(pos, size uint64) (ts uint64, whole bool) {
	if size < scap.HeaderSize {
		return 0, false
	}
	p := r.data[pos&r.mask+r.payloadAt:]
	if uint64(binary.LittleEndian.Uint32(p[16:])) > size {
		return 0, false
	}
	return binary.LittleEndian.Uint64(p), true
}

// floorBehind returns the least time of the submitted events from pos on,
// which are held up by a busy record before them.
func (r *Ring) floorBehind(pos uint64) uint64 {
	floor := ^uint64(0)
	for pos < r.limit {
		head, step, ok := r.header(pos)
		if !ok {
			break
		}
		if head&(busyBit|discardBit) == 0 {
			if ts, whole := r.timestamp(pos, uint64(head&lengthMask)); whole {
				floor = min(floor, ts)
			}
		}
		pos += step
	}
	return floor
}

// payload returns the event of an entry, borrowed from the ring.
func (r *Ring) payload(e entry) []byte {
	i := uint64(e.pos)&r.mask + r.payloadAt
	return r.data[i : i+uint64(e.size) : i+uint64(e.size)]
}

// release lets the kernel overwrite everything before the first record that is
// still needed. The store is a release: our reads are done before it.
func (r *Ring) release() {
	pos := r.scanned
	for i := r.head; i < len(r.queue); i++ {
		// Distance backwards from scanned; the ring is smaller than 4 GB.
		back := uint64(uint32(r.scanned) - r.queue[i].pos)
		pos = min(pos, r.scanned-back)
		if i >= r.unruly {
			break // from here on in position order
		}
	}
	if atomic.LoadUint64(r.cons) != pos {
		atomic.StoreUint64(r.cons, pos)
	}
}
