// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tiercel/tiercel/scap"
)

// maxHeld bounds what is kept of the events that come while /proc is scanned.
// Beyond it they wait in the rings, and are lost when those are full.
const maxHeld = 256 << 20

// held are copies of events, in order.
type held struct {
	bytes []byte
	cpus  []uint16
	ended bool // the source has ended
}

func (h *held) add(b *scap.Batch) {
	for i := range b.Events {
		h.bytes = append(h.bytes, b.Events[i].Raw()...)
		h.cpus = append(h.cpus, b.Events[i].CPU)
	}
}

// prime fills the model, and takes events out of the rings meanwhile: on a host
// with very many processes a scan takes longer than the rings have room.
func (r *recording) prime() error {
	done := make(chan error, 1)
	go func() { done <- r.engine.Prime() }()
	var failed error
	for {
		wait := r.held.ended || failed != nil || len(r.held.bytes) > maxHeld
		select {
		case err := <-done:
			if err != nil {
				fmt.Fprintf(r.sys.Stderr, "The scan of /proc is not complete: %v\n", err)
			}
			return failed
		default:
		}
		if wait {
			time.Sleep(time.Millisecond)
			continue
		}
		err := r.drv.Next(&r.batch, time.Millisecond)
		r.held.add(&r.batch)
		r.drv.Release(&r.batch)
		if errors.Is(err, io.EOF) {
			r.held.ended = true
		} else if err != nil {
			failed = fmt.Errorf("read events: %w", err)
		}
	}
}

// writeHeld records what came during the scan.
func (r *recording) writeHeld() error {
	h := r.held
	r.held = held{}
	r.batch.Events = r.batch.Events[:0]
	for _, cpu := range h.cpus {
		var ev scap.Event
		if err := ev.Decode(h.bytes); err != nil {
			return fmt.Errorf("read events: %w", err) // cannot be: it was decoded before
		}
		ev.CPU = cpu
		h.bytes = h.bytes[len(ev.Raw()):]
		r.batch.Events = append(r.batch.Events[:0], ev)
		if err := r.write(); err != nil || r.full {
			return err
		}
	}
	r.batch.Events = r.batch.Events[:0]
	r.full = r.full || h.ended
	return nil
}
