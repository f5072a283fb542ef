// SPDX-License-Identifier: Apache-2.0

package rulecost

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// ProfileOptions say how long to measure and what to tell.
type ProfileOptions struct {
	Duration time.Duration // of a live profile
	Top      int           // tell of so many rules; 0: all
	JSON     bool
}

// profile is everything that a profile tells.
type profile struct {
	Events   uint64        `json:"events"`
	Seconds  float64       `json:"seconds"` // that the events were looked at
	PerEvent float64       `json:"ns_per_event"`
	Finding  float64       `json:"finding_ns_per_event"` // part of it: to find the rules to look at
	Rules    []ruleProfile `json:"rules"`
	Never    int           `json:"rules_never_evaluated"`
	Left     int           `json:"rules_left_out,omitempty"`
}

// ruleProfile is what a rule did and cost.
type ruleProfile struct {
	Rule        string  `json:"rule"`
	Share       float64 `json:"share"` // of the time of all rules, from 0 to 1
	Nanoseconds uint64  `json:"ns"`
	PerEvent    float64 `json:"ns_per_event"`
	Evaluations uint64  `json:"evaluations"`
	Each        float64 `json:"ns_per_evaluation"`
	Matches     uint64  `json:"matches"`
}

// How many events there are for one that is timed. All of a capture are; of a
// host so few that measuring does not change what is measured.
const (
	captureSample = 1
	liveSample    = 16
)

// ProfileCapture runs the enabled rules of set over a capture and tells on w
// what each cost.
func ProfileCapture(w io.Writer, set *rules.Ruleset, mode rules.Mode, path string, o ProfileOptions) error {
	player, err := replay.Open(path)
	if err != nil {
		return err
	}
	defer player.Close()
	m, err := set.Compile(mode)
	if err != nil {
		return err
	}
	m.SampleEvery(captureSample)
	engine := replay.NewEngine(0)
	begin := time.Now()
	var b scap.Batch
	for {
		err := player.Next(&b, 0)
		player.Sync(engine)
		for i := range b.Events {
			in := &b.Events[i]
			if ev := engine.Process(in); ev != nil && player.Shows(in) {
				m.Match(ev)
			}
		}
		player.Release(&b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return newProfile(m, time.Since(begin), o.Top).write(w, o.JSON)
}

// liveWait bounds how late the end of a live profile is noticed.
const liveWait = 100 * time.Millisecond

// ProfileLive runs the enabled rules of set over live events and tells on w
// what each cost. The source is started and the engine primed; both stay the
// caller's. It ends after the duration of o, or when stop is closed.
func ProfileLive(w io.Writer, set *rules.Ruleset, mode rules.Mode, src scap.Source, engine *state.Engine,
	stop <-chan struct{}, o ProfileOptions) error {
	m, err := set.Compile(mode)
	if err != nil {
		return err
	}
	m.SampleEvery(liveSample)
	begin := time.Now()
	var b scap.Batch
	for time.Since(begin) < o.Duration && !closed(stop) {
		if err := src.Next(&b, min(liveWait, o.Duration)); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read events: %w", err)
		} else if err != nil && len(b.Events) == 0 {
			break
		}
		for i := range b.Events {
			if ev := engine.Process(&b.Events[i]); ev != nil {
				m.Match(ev)
			}
		}
		src.Release(&b)
	}
	return newProfile(m, time.Since(begin), o.Top).write(w, o.JSON)
}

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func newProfile(m *rules.Matcher, took time.Duration, top int) *profile {
	m.Publish()
	t := m.Totals()
	p := &profile{Events: t.Events, Seconds: took.Seconds()}
	events := float64(max(t.Events, 1))
	total := t.Finding
	for c := range m.Costs {
		r := ruleProfile{Rule: c.Rule.Name, Nanoseconds: c.Nanoseconds, PerEvent: float64(c.Nanoseconds) / events,
			Evaluations: c.Evaluations, Matches: c.Matches}
		if c.Evaluations > 0 {
			r.Each = float64(c.Nanoseconds) / float64(c.Evaluations)
		} else {
			p.Never++
		}
		total += c.Nanoseconds
		p.Rules = append(p.Rules, r)
	}
	p.PerEvent, p.Finding = float64(total)/events, float64(t.Finding)/events
	for i := range p.Rules {
		p.Rules[i].Share = float64(p.Rules[i].Nanoseconds) / float64(max(total, 1))
	}
	slices.SortStableFunc(p.Rules, func(a, b ruleProfile) int {
		return cmp.Or(cmp.Compare(b.Nanoseconds, a.Nanoseconds), cmp.Compare(b.Evaluations, a.Evaluations))
	})
	if top > 0 && top < len(p.Rules) {
		p.Left = len(p.Rules) - top
		p.Rules = p.Rules[:top]
	}
	return p
}

func (p *profile) write(w io.Writer, asJSON bool) error {
	if asJSON {
		doc, err := json.MarshalIndent(p, "", "  ")
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", doc)
		}
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d events in %.1f s. Rules took %.0f ns an event", p.Events, p.Seconds, p.PerEvent)
	if p.PerEvent > 0 {
		fmt.Fprintf(&b, ", %.0f of them to find the rules to look at", p.Finding)
	}
	b.WriteString(".\nEstimated by samples; what rules share is charged to the first of them that asks.\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "share\tns an event\tevaluated\tns each\tmatched\t  rule\n")
	left := p.Left - p.Never // of those that were evaluated
	for _, r := range p.Rules {
		if r.Evaluations == 0 {
			left++
			continue
		}
		fmt.Fprintf(t, "%.1f %%\t%.1f\t%d\t%.0f\t%d\t  %s\n", 100*r.Share, r.PerEvent, r.Evaluations, r.Each, r.Matches, r.Rule)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n%s left out (--top).\n", were(left))
	}
	if p.Never > 0 {
		fmt.Fprintf(&b, "\n%s never evaluated: no event had what they need.\n", were(p.Never))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func were(n int) string {
	if n == 1 {
		return "1 rule was"
	}
	return fmt.Sprintf("%d rules were", n)
}
