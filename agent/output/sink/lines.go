// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// lines writes entries as lines, many of them with one write.
type lines struct {
	buf  []byte
	ends []int // where each line of buf ends
	torn bool  // a write ended within a line
}

// maxLines is how much goes into one write, unless one line alone is larger.
const maxLines = 256 << 10

// write writes entries to w and returns how many are there in whole. After a
// write that ended within a line, the next one begins with a line end, so that
// one alert is spoilt and not two.
func (l *lines) write(w io.Writer, entries []*output.Entry) (done int, err error) {
	for done < len(entries) {
		l.buf, l.ends = l.buf[:0], l.ends[:0]
		if l.torn {
			l.buf = append(l.buf, '\n')
		}
		for _, e := range entries[done:] {
			if len(l.ends) > 0 && len(l.buf)+len(e.Text) > maxLines {
				break
			}
			l.buf = append(append(l.buf, e.Text...), '\n')
			l.ends = append(l.ends, len(l.buf))
		}
		n, err := w.Write(l.buf)
		whole := 0
		for whole < len(l.ends) && l.ends[whole] <= n {
			whole++
		}
		if n > 0 {
			l.torn = l.buf[n-1] != '\n'
		}
		done += whole
		if err == nil && n < len(l.buf) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Stdout writes alerts to standard output.
type Stdout struct {
	w     io.Writer
	lines lines
}

// NewStdout returns the sink that writes to w.
func NewStdout(w io.Writer) *Stdout { return &Stdout{w: w} }

// Name implements output.Sink.
func (s *Stdout) Name() string { return "stdout" }

// MayGather implements output.Buffers.
func (s *Stdout) MayGather() bool { return true }

// Deliver implements output.Sink.
func (s *Stdout) Deliver(_ context.Context, entries []*output.Entry) (int, error) {
	n, err := s.lines.write(s.w, entries)
	if errors.Is(err, syscall.EPIPE) {
		err = fmt.Errorf("%w: %w", err, output.ErrGone)
	}
	return n, err
}

// Farewell implements output.Farewell.
func (s *Stdout) Farewell(text []byte) error {
	_, err := s.w.Write(text)
	return err
}

// Reopen implements output.Sink: it has nothing to open.
func (s *Stdout) Reopen() error { return nil }

// Close implements output.Sink: standard output stays open.
func (s *Stdout) Close() error { return nil }

// deadliner is what can end a write that takes too long.
type deadliner interface{ SetWriteDeadline(time.Time) error }

// untilCancelled makes the writes of d fail once ctx is cancelled. The returned
// function ends that.
func untilCancelled(ctx context.Context, d deadliner) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = d.SetWriteDeadline(time.Unix(1, 0)) })
}
