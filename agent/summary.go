// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
)

// closeOutputs writes what still waits, then the report of the run.
func (r *run) closeOutputs(stats *scap.Stats) {
	if r.watch != nil {
		r.watch.dropHeld()
		r.watch.capture.Close()
	}
	r.alerts.Close([]byte(r.summary(stats)), outputTimeout(r.cfg))
	if r.watch != nil && r.watch.drv != nil && len(r.cfg.Drops.Actions) > 0 {
		r.notice(r.watch.actions.Summary())
	}
	if r.opts.Verbose && r.watch != nil {
		source := "(" + SourceSyscall + ") "
		if r.watch.player != nil {
			source = "" // a capture may hold several
		} else {
			r.notice(fmt.Sprintf("Driver Events:%d\nDriver Drops:%d", stats.Seen, stats.Drops()))
		}
		s := time.Since(r.watch.start).Seconds()
		r.notice(fmt.Sprintf("%sElapsed time: %.3f, Captured Events: %d, %.2f eps", source, s, r.watch.events, float64(r.watch.events)/s))
	}
}

// summary is the report of a run: the lines that tools know, then what became
// of the events.
func (r *run) summary(stats *scap.Stats) string {
	var b strings.Builder
	if r.watch == nil {
		return "Events detected: 0\nRule counts by severity:\nTriggered rules by rule name:\n"
	}
	w := r.watch
	fmt.Fprintf(&b, "Events detected: %d\nRule counts by severity:\n", w.detected)
	var bySeverity [len(severities)]uint64
	for rule, n := range w.matcher.Matches {
		bySeverity[rule.Priority] += n
	}
	for _, old := range w.retired {
		bySeverity[old.priority] += old.matches
	}
	for i, n := range bySeverity {
		if n > 0 {
			fmt.Fprintf(&b, "   %s: %d\n", severities[i], n)
		}
	}
	b.WriteString("Triggered rules by rule name:\n")
	for _, line := range w.triggered() {
		fmt.Fprintf(&b, "   %s: %d\n", line.name, line.matches)
	}
	fmt.Fprintf(&b, "System call events:\n   looked at: %d\n", w.events)
	if w.drv != nil {
		fmt.Fprintf(&b, "   collected: %d\n   lost: %d\n", stats.Delivered, stats.Drops())
		if stats.Faults > 0 {
			fmt.Fprintf(&b, "   with unreadable memory: %d\n", stats.Faults)
		}
		if stats.Sampled > 0 {
			fmt.Fprintf(&b, "   left out by sampling: %d\n", stats.Sampled)
		}
	}
	return b.String()
}

// triggered returns the rules that matched, each once, also when reloads have
// taken it away and brought it back.
func (w *watcher) triggered() []retired {
	var lines []retired
	at := map[string]int{}
	add := func(name string, n uint64) {
		if n == 0 {
			return
		}
		i, there := at[name]
		if !there {
			i, at[name] = len(lines), len(lines)
			lines = append(lines, retired{name: name})
		}
		lines[i].matches += n
	}
	for rule, n := range w.matcher.Matches {
		add(rule.Name, n)
	}
	for _, old := range w.retired {
		add(old.name, old.matches)
	}
	return lines
}

// severities are the names of priorities in the report.
var severities = [...]string{
	rules.Emergency: "EMERGENCY", rules.Alert: "ALERT", rules.Critical: "CRITICAL", rules.Error: "ERROR",
	rules.Warning: "WARNING", rules.Notice: "NOTICE", rules.Informational: "INFO", rules.Debug: "DEBUG",
}
