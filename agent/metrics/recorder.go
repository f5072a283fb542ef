// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// Texts of the alert.
const (
	snapshotRule    = "Tiercel internal: metrics snapshot"
	snapshotMessage = "Tiercel metrics snapshot"
)

// recorder makes snapshots at an interval. It belongs to its goroutine: a
// folder that hangs or a slow /proc hold nobody else.
type recorder struct {
	board  *Board
	opts   Options
	alerts chan<- *output.Alert
	res    *resourceReader

	reading reading
	at      time.Time // of the snapshot before
	samples uint64    // ticks
	failed  bool      // the file's failure has been reported
	noRes   bool      // that resources are missing has been reported
	line    []byte
}

func newRecorder(b *Board, o Options, alerts chan<- *output.Alert) *recorder {
	return &recorder{board: b, opts: o, alerts: alerts, res: newResourceReader(&o)}
}

// run makes snapshots until ctx ends. Interval is in milliseconds.
func (r *recorder) run(ctx context.Context, interval uint64, done chan<- struct{}) {
	defer close(done)
	const longest = 1 << 62
	tick := time.NewTicker(time.Duration(min(interval, longest/uint64(time.Millisecond))) * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.snapshot()
		}
	}
}

// snapshot makes one, and hands it to whom the configuration names.
func (r *recorder) snapshot() {
	r.samples++
	if !r.board.Read(&r.reading.now) || r.reading.now.Info == nil {
		return // nothing has been published yet
	}
	f := r.fields()
	object := f.appendJSON(nil)
	if r.opts.Config.OutputFile != "" {
		r.write(object)
	}
	if !r.opts.Config.OutputRule {
		return
	}
	a := &output.Alert{
		TimeNS: uint64(r.reading.now.Time.UnixNano()), Priority: "Informational", Rule: snapshotRule, Source: "internal",
		Internal: true, Message: []byte(snapshotMessage), Fields: object, Detail: f.appendText(nil),
	}
	select {
	case r.alerts <- a:
	default:
		r.opts.Log.Warn("A metrics snapshot was left out: the one before still waits for the event loop")
	}
}

// fields computes the snapshot and remembers what the next one compares with.
func (r *recorder) fields() fields {
	src := source{conf: &r.opts.Config, addrs: (*net.Interface).Addrs}
	if r.res.programStats() {
		src.programs = r.opts.Programs
	}
	src.interfaces, _ = net.Interfaces() // none: no fields
	rd := &r.reading
	if r.opts.Config.Resources {
		var err error
		if rd.res, err = r.res.read(); err != nil && !r.noRes {
			r.noRes = true
			r.opts.Log.Warn(fmt.Sprintf("Metrics lack some resources: %v", err))
		}
	}
	if !r.at.IsZero() {
		rd.seconds = rd.now.Time.Sub(r.at).Seconds()
	}
	f := snapshotFields(rd, &src)
	r.at, rd.events = rd.now.Time, rd.now.Events
	rd.seen, rd.drops = rd.now.Driver.Seen, rd.now.Driver.Drops()
	return f
}

// write appends a line to the file. It is opened each time: it can be rotated,
// and a folder that appears later is found.
func (r *recorder) write(object []byte) {
	r.line = append(r.line[:0], `{"sample":`...)
	r.line = strconv.AppendUint(r.line, r.samples, 10)
	r.line = append(append(r.line, `,"output_fields":`...), object...)
	r.line = append(r.line, "}\n"...)
	err := appendLine(r.opts.Config.OutputFile, r.line)
	switch {
	case err == nil && r.failed:
		r.opts.Log.Info("Metrics are written to " + r.opts.Config.OutputFile + " again")
	case err != nil && !r.failed:
		r.opts.Log.Error(fmt.Sprintf("metrics.output_file: %v (snapshots are lost until it works again)", err))
	}
	r.failed = err != nil
}

// appendLine adds a whole line to a file or nothing: what a full disk took of
// it is taken back, so that the next line does not begin in the middle of one.
func appendLine(name string, line []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	n, err := f.Write(line)
	if err != nil && n > 0 {
		if st, serr := f.Stat(); serr == nil && st.Mode().IsRegular() {
			_ = f.Truncate(st.Size() - int64(n)) // the error that counts is the write's
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
