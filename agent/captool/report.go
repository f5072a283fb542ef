// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
)

// progressEvery is the pace of the progress line and of the counters.
const progressEvery = time.Second

// progress is a line on a terminal that is written again and again.
type progress struct {
	w    io.Writer // nil: no line
	last time.Time
	long int // columns of the line that stands there
}

func (p *progress) init(w io.Writer, quiet bool) {
	p.last = time.Now()
	f, ok := w.(*os.File)
	if quiet || !ok {
		return
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
		p.w = w
	}
}

func (p *progress) due(now time.Time) bool {
	if now.Sub(p.last) < progressEvery {
		return false
	}
	p.last = now
	return true
}

func (p *progress) show(took time.Duration, s capture.WriteStats, drops uint64) {
	if p.w == nil {
		return
	}
	line := fmt.Sprintf("%d s  %d events  %.1f MB  %d lost", int(took.Seconds()), s.Events-s.Lost, float64(s.Bytes)/1e6, drops+s.Lost)
	fmt.Fprintf(p.w, "\r%-*s", p.long, line)
	p.long = len(line)
}

// clear takes the line away.
func (p *progress) clear() {
	if p.w != nil && p.long > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.long, "")
	}
}

// report says what was recorded, and what was not.
func (r *recording) report() {
	r.progress.clear()
	s := r.out.Stats()
	var b strings.Builder
	fmt.Fprintf(&b, "%d events (%.1f MB) in %.1f s to %s", s.Events-s.Lost, float64(s.Bytes)/1e6, time.Since(r.start).Seconds(), r.out.Path())
	if s.Files > 1 {
		fmt.Fprintf(&b, ", the last of %d files", s.Files)
	}
	if r.cond != nil {
		fmt.Fprintf(&b, "; %d match the filter, the others are there for the model of the host", r.matched)
	}
	b.WriteByte('\n')
	if n := r.stats.Drops(); n > 0 {
		fmt.Fprintf(&b, "%d of %d events were lost before they could be recorded: %s\n", n, r.stats.Seen, causes(&r.stats.Counters))
	}
	_, _ = io.WriteString(r.sys.Stderr, b.String())
}

// causes lists why events were lost, with what helps.
func causes(c *scap.Counters) string {
	var parts []string
	for _, p := range []struct {
		n    uint64
		what string
	}{
		{c.DropsRing, "ring full (a larger --buffer-preset or a filter helps)"},
		{c.DropsPage, "user memory not there"},
		{c.DropsScratch, "scratch busy or event too big"},
		{c.DropsRecursion, "the probe already ran on that CPU"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, "; ")
}
