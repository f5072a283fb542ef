// SPDX-License-Identifier: Apache-2.0

package drops

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/scap"
)

// every bounds how often lost events are reported; the first loss, and
// the first after a quiet time, is reported at once.
const every = 5 * time.Second

// classNames are the words for scap.DropClass.
var classNames = [scap.NumDropClasses]string{
	scap.DropOther: "other", scap.DropCloneFork: "clone/fork", scap.DropExecve: "execve", scap.DropConnect: "connect",
	scap.DropOpen: "open", scap.DropDirFile: "dir/file", scap.DropClose: "close", scap.DropProcExit: "process exit",
}

// Reporter tells about lost events as they are lost.
type Reporter struct {
	Log *zap.Logger

	reported scap.Stats // counters at the last report
	at       time.Time
}

// Check reports what was lost since the last report, unless that was a moment
// ago: then it waits until the next check.
func (d *Reporter) Check(now time.Time, s *scap.Stats) {
	if d.at.IsZero() || now.Sub(d.at) >= every {
		d.Last(now, s)
	}
}

// Last reports what was lost since the last report, if anything.
func (d *Reporter) Last(now time.Time, s *scap.Stats) {
	drops := s.Drops() - d.reported.Drops()
	truncated := s.Truncated - d.reported.Truncated
	if drops == 0 && truncated == 0 {
		return
	}
	since := "since the start"
	if !d.at.IsZero() {
		since = fmt.Sprintf("in the last %.1f s", now.Sub(d.at).Seconds())
	}
	if drops > 0 {
		d.Log.Warn(fmt.Sprintf("Lost %d of %d system call events %s (%s)%s; %d lost in all%s",
			drops, s.Seen-d.reported.Seen, since, d.causes(s), d.classes(s), s.Drops(), d.besides(s)))
	}
	if truncated > 0 {
		d.Log.Warn(fmt.Sprintf("%d broken records in the rings %s were counted and not decoded", truncated, since))
	}
	d.reported, d.at = *s, now
	d.reported.PerCPU, d.reported.DropsBySyscall = nil, nil
}

// causes lists why events were lost, with what helps.
func (d *Reporter) causes(s *scap.Stats) string {
	var parts []string
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{s.DropsRing - d.reported.DropsRing, "ring full: a larger buf_size_preset or fewer system calls help"},
		{s.DropsPage - d.reported.DropsPage, "user memory not there"},
		{s.DropsScratch - d.reported.DropsScratch, "scratch busy or event too big"},
		{s.DropsRecursion - d.reported.DropsRecursion, "the kernel skipped the probe: it already ran on that CPU"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, "; ")
}

// besides tells what was not lost but did not come whole, or was left out.
func (d *Reporter) besides(s *scap.Stats) string {
	var b strings.Builder
	if n := s.Faults - d.reported.Faults; n > 0 {
		fmt.Fprintf(&b, "; %d came with unreadable memory", n)
	}
	if n := s.Sampled - d.reported.Sampled; n > 0 {
		fmt.Fprintf(&b, "; %d more were left out by sampling", n)
	}
	return b.String()
}

func (d *Reporter) classes(s *scap.Stats) string {
	var parts []string
	for i, name := range classNames {
		if n := s.DropsByClass[i] - d.reported.DropsByClass[i]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	if parts == nil {
		return ""
	}
	return ", by kind: " + strings.Join(parts, ", ")
}
