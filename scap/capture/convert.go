// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"

	"github.com/tiercel/tiercel/scap"
)

const (
	// maxSteps bounds the upgrades of one event. The longest chain of the
	// table is shorter, and it has no circle, as tests hold.
	maxSteps = 50
	// maxConverted is the largest event that an upgrade may make, header and
	// lengths included.
	maxConverted = 64 << 10
	// arena is the memory for the converted events of a batch.
	arena = 512 << 10
)

// converter brings events to their newest form. Parameters are moved as
// slices; only the outcome is written, into an arena that lives as long as a
// batch.
type converter struct {
	table  upgradeTable
	stats  *Stats
	strict bool
	enters enterStore
	// wanted: enter events that nobody makes unasked are kept as they are.
	wanted bool

	out    []byte
	typ    scap.EventType // the event as far as it is upgraded
	params [scap.MaxParams][]byte
	n      int
	next   [scap.MaxParams][]byte
	json   []byte
}

func (c *converter) init(stats *Stats, strict bool) {
	c.table, c.stats, c.strict = upgrades(), stats, strict
}

// forget begins a new section.
func (c *converter) forget(wanted bool) {
	c.enters.clear()
	c.wanted = wanted
}

// reset voids the events that were made since the last reset.
func (c *converter) reset() { c.out = c.out[:0] }

// full reports whether another event might not fit any more.
func (c *converter) full() bool { return len(c.out)+maxConverted+4*scap.MaxParams > arena }

// convert makes e the newest form of itself. keep is false when it is not to
// be handed out.
func (c *converter) convert(e *scap.Event) (keep bool, err error) {
	typ, n := e.Type(), e.NumParams()
	switch verdict, err := judge(typ, n); {
	case err != nil:
		return false, err
	case verdict == keepEvent:
		return true, nil
	case c.wanted && typ.IsEnter() && n == len(typ.Info().Params) && typ.Info().Flags&scap.EFUnused == 0:
		return true, nil
	case verdict == dropEvent:
		c.stats.Dropped++
		return false, nil
	}
	c.typ, c.n = typ, n
	for i := range n {
		c.params[i] = e.Param(i)
	}
	changed := false
	for range maxSteps {
		switch verdict, err := judge(c.typ, c.n); {
		case err != nil:
			return false, err
		case verdict == dropEvent:
			c.stats.Dropped++
			return false, nil
		case verdict == keepEvent:
			return true, c.write(e, changed)
		}
		u := c.table.find(c.typ, c.n)
		if u == nil {
			return false, fmt.Errorf("event %s has %d parameters, which no version had", c.typ.Info().Enum, c.n)
		}
		if u.store {
			c.stats.Forgotten += c.enters.put(e.TID(), c.typ, c.params[:c.n])
			if !u.pass {
				c.stats.Stored++
				return false, nil
			}
		}
		if u.pass {
			return true, c.write(e, changed)
		}
		if err := c.step(u, e.TID()); err != nil {
			return false, err
		}
		changed = true
	}
	return false, fmt.Errorf("event %s is not upgraded after %d steps", e.Info().Enum, maxSteps)
}

type verdict uint8

const (
	keepEvent verdict = iota
	dropEvent
	upgradeEvent
)

// judge tells what is to be done with an event of a type and a number of
// parameters.
func judge(t scap.EventType, n int) (verdict, error) {
	info := t.Info()
	old := info.Flags&scap.EFOldVersion != 0
	switch {
	case info.Flags&scap.EFUnused != 0:
		return dropEvent, nil
	case info.Flags&scap.EFConverterManaged == 0 && !old:
		return keepEvent, nil
	case info.Flags&scap.EFConverterManaged == 0 && t.IsEnter():
		return dropEvent, nil
	case info.Flags&scap.EFConverterManaged == 0:
		return 0, fmt.Errorf("event %s is an old version without a newer one", info.Enum)
	case !t.IsEnter() && !old && n == len(info.Params):
		return keepEvent, nil
	}
	return upgradeEvent, nil
}

// step applies one upgrade to the event at hand.
func (c *converter) step(u *upgrade, tid int64) error {
	next := c.next[:0]
	if u.keep {
		next = append(next, c.params[:c.n]...)
	}
	var enter *enterSlot
	for i := range u.params {
		p := &u.params[i]
		v := p.value
		switch p.from {
		case fromEvent:
			v = c.params[p.n]
		case fromEnter:
			s := c.enters.get(tid)
			if s == nil {
				break
			}
			if s.typ != c.typ-1 || p.n >= int(s.n) {
				if c.strict {
					return fmt.Errorf("event %s: the enter event of its thread is %s with %d parameters", c.typ.Info().Enum, s.typ.Info().Enum, s.n)
				}
				// The right one was lost; this one was of an earlier call.
				c.stats.Unmatched++
				c.enters.drop(s)
				break
			}
			v, enter = s.param(p.n), s
		case fromContainer:
			v = c.containerJSON()
		}
		next = append(next, v)
	}
	if enter != nil {
		// Its values stay in place until the event is written: nothing is
		// remembered in between.
		enter.live = false
	}
	c.typ = u.to
	c.n = copy(c.params[:], next)
	if size := c.size(); size > maxConverted {
		return fmt.Errorf("event %s would have %d bytes when upgraded", c.typ.Info().Enum, size)
	}
	return nil
}

func (c *converter) size() int {
	size := scap.HeaderSize + 2*c.n
	for _, p := range c.params[:c.n] {
		size += len(p)
	}
	return size
}

// write makes e a view of the event at hand. An event that was not changed
// stays where it is.
func (c *converter) write(e *scap.Event, changed bool) error {
	if !changed {
		return nil
	}
	c.stats.Converted++
	return c.encode(e, c.typ)
}

func (c *converter) encode(e *scap.Event, t scap.EventType) (err error) {
	if c.out == nil {
		c.out = make([]byte, 0, arena)
	}
	start := len(c.out)
	if isLarge(t) {
		c.out, err = scap.AppendLargeEvent(c.out, t, e.Timestamp(), e.TID(), c.params[:c.n]...)
	} else {
		c.out, err = scap.AppendEvent(c.out, t, e.Timestamp(), e.TID(), c.params[:c.n]...)
	}
	if err != nil {
		return err
	}
	if isLarge(t) {
		return e.DecodeLarge(c.out[start:])
	}
	return e.Decode(c.out[start:])
}

// trim takes the parameters from n on away.
func (c *converter) trim(e *scap.Event, n int) error {
	c.n = min(n, e.NumParams())
	for i := range c.n {
		c.params[i] = e.Param(i)
	}
	return c.encode(e, e.Type())
}
