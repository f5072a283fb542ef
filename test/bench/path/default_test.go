// SPDX-License-Identifier: Apache-2.0

package path

import (
	"os"
	"testing"

	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// defaultMatcher has the default rules, or those of the file that
// TIERCEL_BENCH_RULES names.
func defaultMatcher(tb testing.TB) *rules.Matcher {
	tb.Helper()
	content := defaultrules.Content()
	if name := os.Getenv("TIERCEL_BENCH_RULES"); name != "" {
		var err error
		if content, err = os.ReadFile(name); err != nil {
			tb.Fatal(err)
		}
	}
	set, report := rules.Load([]rules.File{{Name: defaultrules.FileName, Content: content}}, rules.Options{})
	if err := report.Err(); err != nil {
		tb.Fatal(err)
	}
	m, err := set.Compile(rules.MatchFirst)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// BenchmarkDefaultRules is what the default rules cost: on the events that they
// are most about (opens, execs, connects of ordinary programs), and on a
// recording, there with and without them behind the state.
func BenchmarkDefaultRules(b *testing.B) {
	m := defaultMatcher(b)
	b.Run("match", func(b *testing.B) {
		mix := standing()
		perEvent(b, len(mix), func() {
			for _, ev := range mix {
				m.Match(ev)
			}
		})
	})
	raw := recording(b)
	events := make([]scap.Event, len(raw))
	for i := range raw {
		if err := events[i].Decode(raw[i]); err != nil {
			b.Fatal(err)
		}
	}
	for name, match := range map[string]func(*state.Event){
		"state": func(*state.Event) {}, "state and match": func(ev *state.Event) { m.Match(ev) },
	} {
		b.Run(name, func(b *testing.B) {
			e := state.New(state.Options{})
			perEvent(b, len(events), func() {
				for i := range events {
					if ev := e.Process(&events[i]); ev != nil {
						match(ev)
					}
				}
			})
		})
	}
}
