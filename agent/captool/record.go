// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/hold"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/state"
)

const (
	// readWait is how long one read waits for events; a signal is noticed
	// after that at the latest.
	readWait = 100 * time.Millisecond
	// drainFor bounds how long the end waits for events in the rings.
	drainFor = 500 * time.Millisecond
)

// recording is a capture while it is recorded. One goroutine owns it.
type recording struct {
	sys  *System
	opts *cmdline.Capture
	cond *condition
	drv  scap.Driver
	// engine is the model of the host: at first to tell the tables, then where
	// a filter asks it, and where later files need tables of their own.
	engine     *state.Engine
	containers containers
	out        *capture.Recorder

	start    time.Time
	batch    scap.Batch
	src      *hold.Source // the driver, behind what came while /proc was scanned
	matched  uint64       // events written because they were wanted
	full     bool         // the number of events that was asked for is there
	stats    scap.Stats
	lost     uint64 // that the model knows of
	progress progress
}

// Record writes the events of this host to capture files.
func Record(sys *System, o *cmdline.Capture) error {
	cond, err := sys.compile(o.Filter)
	if err != nil {
		return err
	}
	r := &recording{sys: sys, opts: o, cond: cond}
	if err := r.open(); err != nil {
		return err
	}
	defer r.drv.Close()
	defer r.containers.rt.Close()
	if !o.Quiet {
		fmt.Fprintf(sys.Stderr, "Recording to %s, Ctrl-C ends it\n", r.out.Path())
	}
	r.progress.init(sys.Stderr, o.Quiet)
	err = r.loop()
	if r.drv.Stop() == nil && err == nil && !r.full {
		err = r.drain()
	}
	if cerr := r.out.Close(); err == nil {
		err = cerr
	}
	if serr := r.drv.Stats(&r.stats); err == nil {
		err = serr
	}
	r.report()
	return r.explain(err)
}

// open attaches the driver, then looks at what runs, then begins the file:
// nothing that happens in between is missed.
func (r *recording) open() error {
	o := drivers.Options{RingBytes: 1 << 20 << (r.opts.Preset - 1), CPUsPerRing: 1, Snaplen: r.opts.Snaplen}
	var err error
	if r.drv, err = r.sys.Open(r.opts.Driver, o); err != nil {
		return err
	}
	r.openContainers()
	if err = r.begin(); err != nil {
		r.containers.rt.Close()
		_ = r.drv.Close()
	}
	return err
}

func (r *recording) begin() error {
	sel := r.selection()
	applied, err := r.drv.SetInterestingSyscalls(sel)
	if err != nil {
		return fmt.Errorf("select system calls: %w", err)
	}
	for _, d := range applied.Degraded {
		fmt.Fprintf(r.sys.Stderr, "Not recorded in full: %v\n", d)
	}
	if err := r.drv.Start(); err != nil {
		return fmt.Errorf("start %s: %w", r.drv.Name(), err)
	}
	r.engine = state.New(r.sys.State)
	r.prime()
	c := r.opts
	r.out, err = capture.Record(c.File, capture.RecordOptions{
		WriterOptions: capture.WriterOptions{Compress: c.Compress, EnterEvents: !sel.Enter.IsEmpty(), Compatible: !c.Newest},
		Tables:        r.tables,
		MaxSize:       int64(c.FileBytes), MaxTime: c.FileTime, MaxEvents: c.FileEvents, MaxFiles: c.MaxFiles,
	})
	if err != nil {
		return err
	}
	if !r.follows() {
		r.engine = nil // its work is done
	}
	r.start = time.Now()
	return nil
}

// maxHeld bounds what is kept of the events that come while /proc is scanned.
// Beyond it they wait in the rings, and are lost when those are full.
const maxHeld = 256 << 20

// prime fills the model, and takes events out of the rings meanwhile.
func (r *recording) prime() {
	r.src = hold.New(r.drv, maxHeld)
	if err := r.src.While(r.engine.Prime); err != nil {
		fmt.Fprintf(r.sys.Stderr, "The scan of /proc is not complete: %v\n", err)
	}
}

// follows reports whether the model has to be kept up to date.
func (r *recording) follows() bool {
	return r.cond != nil || r.opts.FileBytes > 0 || r.opts.FileTime > 0 || r.opts.FileEvents > 0
}

// selection is what the driver is asked for: every call, or what the filter
// can match and what the model needs beside it. What the kernel does by itself
// is recorded when the filter names it.
func (r *recording) selection() scap.Selection {
	s := scap.Selection{Exit: scap.AllSyscalls().Minus(selection.Tracepoints)}
	if r.cond != nil {
		s.Enter = r.cond.Enter
		if r.cond.Types.Len() <= selective {
			s.Exit = r.cond.Syscalls.Union(sinsp.StateSet(sinsp.Current)).Union(sinsp.ProcessExit())
		}
	}
	if r.opts.Enter {
		s.Enter = s.Exit.Minus(selection.Tracepoints).Minus(sinsp.ProcessExit())
	}
	return s
}

// selective is the number of event types up to which a filter says what it is
// about. One that can match more, like proc.name = x, is asked for every call.
const selective = 100

func (r *recording) loop() error {
	var deadline time.Time
	if r.opts.Duration > 0 {
		deadline = r.start.Add(r.opts.Duration)
	}
	for !r.full {
		if err := r.next(); err != nil {
			return err
		}
		now := time.Now()
		if r.sys.ended() || !deadline.IsZero() && !now.Before(deadline) {
			return nil
		}
		r.tick(now)
	}
	return nil
}

// next records one batch.
func (r *recording) next() error {
	err := r.src.Next(&r.batch, readWait)
	werr := r.write()
	r.src.Release(&r.batch)
	switch {
	case werr != nil:
		return werr
	case errors.Is(err, io.EOF):
		r.full = true
	case err != nil:
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}

// drain records what still lies in the rings.
func (r *recording) drain() error {
	for end := time.Now().Add(drainFor); !r.full && time.Now().Before(end); {
		before := r.out.Stats().Events
		if err := r.next(); err != nil {
			return err
		}
		if r.out.Stats().Events == before {
			return nil
		}
	}
	return nil
}

// write writes the events of the batch, as many as were asked for, after what
// is new about containers.
func (r *recording) write() error {
	if err := r.tellContainers(); err != nil {
		return err
	}
	for i := range r.batch.Events {
		in := &r.batch.Events[i]
		if r.cond != nil && !r.filter(in) {
			continue
		}
		if err := r.out.Write(in); err != nil {
			return err
		}
		if r.cond == nil && r.engine != nil {
			r.engine.Process(in)
		}
		if in.Flags&capture.FlagFiltered == 0 {
			r.matched++
			if r.matched == r.opts.Count {
				r.full = true
				return nil
			}
		}
	}
	return nil
}

// filter reports whether an event goes to the file. One that does not match,
// but that the model needs, goes there with a mark.
func (r *recording) filter(in *scap.Event) bool {
	if r.cond.passes(r.engine.Process(in)) {
		return true
	}
	info := in.Info()
	if info == nil || info.Flags&scap.EFModifiesState == 0 {
		return false
	}
	in.Flags |= capture.FlagFiltered
	return true
}

// tick does what does not belong to an event.
func (r *recording) tick(now time.Time) {
	if !r.progress.due(now) || r.drv.Stats(&r.stats) != nil {
		return
	}
	if n := r.stats.Drops(); n > r.lost && r.engine != nil {
		r.engine.Lost(n - r.lost)
		r.lost = n
	}
	r.progress.show(now.Sub(r.start), r.out.Stats(), r.stats.Drops())
}

// explain says what became of the file when an error ended the recording.
func (r *recording) explain(err error) error {
	s := r.out.Stats()
	if err == nil || s.Lost == 0 {
		return err
	}
	return fmt.Errorf("%w; the %d events before that can be read, %d are lost", err, s.Events-s.Lost, s.Lost)
}
