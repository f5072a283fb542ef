// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"
	"net/netip"
)

// cursor reads numbers and texts one after the other. Once the bytes do not
// suffice it is bad and gives zeros: the caller asks once, at the end.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) left() int { return len(c.b) }

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		c.b = nil
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u8() uint8 {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (c *cursor) i64() int64 { return int64(c.u64()) }

// text reads a length of 16 bits and that many bytes. The bytes are borrowed.
func (c *cursor) text() []byte { return c.take(int(c.u16())) }

func (c *cursor) str() string { return string(c.text()) }

// addr reads an address of 4 or 16 bytes.
func (c *cursor) addr(n int) netip.Addr {
	a, _ := netip.AddrFromSlice(c.take(n))
	return a
}

// sub cuts the next n bytes off into a cursor of their own.
func (c *cursor) sub(n int) cursor {
	p := c.take(n)
	return cursor{b: p, bad: c.bad}
}
