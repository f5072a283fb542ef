// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/live/agent"
)

// result is what a work raised.
type result struct {
	name, what string
	took       time.Duration
	lost       string
	alerts     []*agent.Alert
	ran        []string // what cron and timers did meanwhile, where that was asked
}

// print says how much noise there was, and shows an alert of each rule.
func (r *result) print(w io.Writer, all bool) {
	fmt.Fprintf(w, "%-12s %d alerts in %v (%s events lost): %s\n", r.name, len(r.alerts), r.took.Round(time.Second), r.lost, r.what)
	byRule := map[string][]*agent.Alert{}
	for _, a := range r.alerts {
		byRule[a.Rule] = append(byRule[a.Rule], a)
	}
	for _, rule := range slices.Sorted(maps.Keys(byRule)) {
		alerts := byRule[rule]
		fmt.Fprintf(w, "  %d × %s\n", len(alerts), rule)
		shown := map[string]bool{}
		for _, a := range alerts {
			name, _ := a.Fields["proc.name"].(string)
			if key := name + chain(a); all || !shown[key] {
				shown[key] = true
				fmt.Fprintf(w, "      %s\n        below %s\n", short(a.Output), chain(a))
			}
		}
	}
	for _, line := range r.ran {
		fmt.Fprintln(w, "  ran:", line)
	}
}

// short leaves out the middle of a long text, and makes it one line.
func short(s string) string {
	const most = 700
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = s[:most/2] + " ... " + s[len(s)-most/2:]
	}
	return s
}
