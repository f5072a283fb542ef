// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"runtime"
	"strconv"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Capturer begins captures when rules match, and ends them. All methods but
// Stats belong to the event loop, which never waits for the disk. A nil Capturer
// does nothing.
type Capturer struct {
	opts   Options
	engine *state.Engine
	log    *zap.Logger
	w      *writer

	wanted  *rules.Rule // the event that is looked at begins a capture for it
	wantMS  uint32      // for so long
	cur     *file       // that is being captured; nil: none
	limit   Limit
	chunk   []byte // copies of events for cur
	past    *past  // nil: not remembered, or on its way
	made    int    // pasts
	num     uint64 // of the last event
	lastTS  uint64
	skipped uint64
	told    time.Time
	scratch []byte
}

// New returns the Capturer that a configuration asks for. It takes the state
// of the host from the engine.
func New(o Options, e *state.Engine, log *zap.Logger) *Capturer {
	if log == nil {
		log = zap.NewNop()
	}
	if o.Emit == nil {
		o.Emit = func(*output.Alert) {}
	}
	log.Info(fmt.Sprintf("Capture is enabled in mode '%s'. Capturing events to %s", o.mode(), o.Prefix))
	c := &Capturer{opts: o, engine: e, log: log, w: newWriter(o.Replay, log)}
	c.remember()
	return c
}

// OnMatch says that a rule matches the event for which OnEvent is called next.
func (c *Capturer) OnMatch(rule *rules.Rule) {
	if c == nil {
		return
	}
	ms := uint32(min(rule.CaptureDuration, time.Duration(1<<32-1)*time.Millisecond) / time.Millisecond)
	if ms == 0 {
		ms = uint32(c.opts.Duration / time.Millisecond)
	}
	if c.wanted == nil && (rule.Capture || c.opts.AllRules) {
		c.wanted = rule
	}
	c.wantMS = max(c.wantMS, ms)
}

// OnEvent takes every event, after the rules have looked at it.
func (c *Capturer) OnEvent(ev *state.Event) {
	if c == nil {
		return
	}
	c.num, c.lastTS = ev.Num, ev.Timestamp()
	if c.wantMS > 0 || c.wanted != nil {
		c.matched()
	}
	if c.cur != nil {
		c.add(ev.Event)
		c.check(c.lastTS)
	}
	if c.past == nil && c.opts.Past > 0 {
		c.remember()
	}
	if c.past != nil {
		c.past.add(ev.Event)
	}
}

// matched begins a capture, or makes the one that is under way longer.
func (c *Capturer) matched() {
	if c.cur == nil && c.wanted != nil {
		c.begin()
	} else {
		c.limit.Extend(c.lastTS, c.wantMS)
	}
	c.wanted, c.wantMS = nil, 0
}

// begin begins a capture with the event of which num and lastTS tell.
func (c *Capturer) begin() {
	if c.w.files.Load() >= maxFiles {
		c.skipped++
		if now := time.Now(); c.told.IsZero() || now.Sub(c.told) >= tellEvery {
			c.told = now
			c.log.Warn(fmt.Sprintf("%d captures were not begun, because the disk is still busy with those before", c.skipped))
		}
		return
	}
	f := &file{path: FileName(c.opts.Prefix, c.lastTS, c.num), rule: c.wanted.Name, opts: &c.opts, tables: c.engine.Tables()}
	f.tables.Machine.CPUs = uint32(runtime.NumCPU())
	var info unix.Sysinfo_t
	if !c.opts.Replay && unix.Sysinfo(&info) == nil {
		f.tables.Machine.Memory = uint64(info.Totalram) * uint64(info.Unit)
	}
	first := c.lastTS
	if c.past != nil {
		f.past, c.past = c.past, nil
		f.pastTS = c.lastTS - min(c.lastTS, uint64(c.opts.Past))
		f.past.since(f.pastTS, func(ev *scap.Event) bool {
			first = ev.Timestamp()
			return false
		})
	}
	for box := range c.engine.Containers().All() {
		if i := box.Info(); i != nil {
			f.extra = c.appendContainer(f.extra, i, first, false)
		}
	}
	c.cur, c.limit = f, Limit{MaxMB: c.opts.MaxMB}
	c.limit.Extend(c.lastTS, c.wantMS)
	c.w.give(job{file: f, begin: true})
}

// tellEvery is how often at most the log tells of captures that were not begun.
const tellEvery = 30 * time.Second

// remember makes room for what comes before the next capture: what was used for
// the last one, or more.
func (c *Capturer) remember() {
	if c.opts.Past == 0 {
		return
	}
	select {
	case c.past = <-c.w.spare:
		return
	default:
	}
	if c.made < maxFiles {
		c.made++
		c.past = newPast(c.opts.PastBytes)
	}
}

// add copies an event for the writer.
func (c *Capturer) add(ev *scap.Event) {
	if c.cur.over.Load() {
		return
	}
	if c.chunk == nil {
		c.chunk = c.w.chunk()
	}
	if c.chunk == nil {
		c.cur.lost.Add(1)
		c.w.lost.Add(1)
		return
	}
	c.chunk = appendCopy(c.chunk, ev)
	if len(c.chunk) >= chunkSize-chunkSize/8 {
		c.flush()
	}
}

// flush hands over what was copied.
func (c *Capturer) flush() {
	if len(c.chunk) > 0 {
		c.w.give(job{file: c.cur, chunk: c.chunk})
		c.chunk = nil
	}
}

// check ends the capture if its time is up or it is large enough.
func (c *Capturer) check(ts uint64) {
	switch c.limit.Check(ts, uint64(c.cur.written.Load())) {
	case TimeIsUp:
		c.finish()
	case SizeReached:
		size := c.cur.written.Load()
		c.finish()
		c.tellOfSize(ts, size)
	case GoesOn:
		if c.cur.over.Load() { // it failed, which the writer tells
			c.finish()
		}
	}
}

// finish ends the capture.
func (c *Capturer) finish() {
	c.flush()
	c.w.give(job{file: c.cur, end: true})
	c.cur = nil
}

// sizeRule is the name under which the agent tells that a capture was cut.
const sizeRule = "Falco internal: capture size limit reached"

func (c *Capturer) tellOfSize(ts uint64, written int64) {
	limit, size := strconv.FormatUint(c.opts.MaxMB, 10), strconv.FormatInt(written, 10)
	c.opts.Emit(&output.Alert{
		TimeNS: ts, Priority: "Informational", Rule: sizeRule, Source: "internal", Internal: true,
		Message: []byte(sizeRule + ". Configured limit: " + limit + " MB."),
		Fields:  []byte(`{"max_file_size_mb":` + limit + `,"written_bytes":` + size + `}`),
		Detail:  []byte("max_file_size_mb=" + limit + " written_bytes=" + size),
	})
}

// OnContainer says that the details of a container have become known, or that
// it is gone, so that captures tell of it.
func (c *Capturer) OnContainer(i *container.Info, removed bool) {
	if c == nil || c.cur == nil || i == nil {
		return
	}
	c.scratch = c.appendContainer(c.scratch[:0], i, c.lastTS, removed)
	var ev scap.Event
	if _, err := nextCopy(c.scratch, &ev); err == nil {
		c.add(&ev)
	}
}

// appendContainer appends the copy of an event that tells of a container.
func (c *Capturer) appendContainer(dst []byte, i *container.Info, ts uint64, removed bool) []byte {
	b, err := i.AppendEvent(append(dst, make([]byte, copyHead)...), ts, removed)
	if err != nil {
		return dst // too large for an event: its threads still have the id
	}
	return b
}

// Tick is called about every 100 ms. Where no events come, captures end by the
// clock.
func (c *Capturer) Tick(now time.Time) {
	if c == nil || c.cur == nil {
		return
	}
	if len(c.w.jobs) == 0 { // small chunks must not fill the way to a slow disk
		c.flush()
	}
	if !c.opts.Replay {
		c.check(uint64(max(0, now.Add(-time.Second).UnixNano()))) // events may come late
	}
}

// closeWithin is what the writer gets to write the rest; tests have more time.
var closeWithin = 2 * time.Second

// Close ends the capture that is under way.
func (c *Capturer) Close() {
	if c == nil {
		return
	}
	if c.cur != nil {
		c.finish()
	}
	close(c.w.jobs)
	t := time.NewTimer(closeWithin)
	defer t.Stop()
	select {
	case <-c.w.done:
	case <-t.C:
		c.log.Error("The last capture is cut off: its disk is blocked")
	}
}

// Stats are the counters of captures.
type Stats struct {
	Captures uint64 // begun
	Failed   uint64 // of these, such as could not be written to their end
	Lost     uint64 // events that are missing because the disk was too slow
	Skipped  uint64 // captures that were not begun for that reason
}

// Stats returns the counters. It belongs to the event loop.
func (c *Capturer) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	return Stats{Captures: c.w.captures.Load(), Failed: c.w.failed.Load(), Lost: c.w.lost.Load(), Skipped: c.skipped}
}
