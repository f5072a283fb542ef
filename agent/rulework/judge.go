// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/rules"
)

// judge compares what a test saw with what it expects and returns what is
// wrong, each as one or more lines.
func (c *testCase) judge(alerts []alert) []string {
	var wrong []string
	for _, a := range alerts {
		for _, pattern := range c.Silent {
			if rules.MatchName(pattern, a.Rule) {
				wrong = append(wrong, "must be silent: "+a.String())
			}
		}
	}
	if !c.Expect.given {
		return wrong
	}
	left := alerts
	if c.Others == othersIgnored {
		left = slices.DeleteFunc(slices.Clone(alerts), func(a alert) bool { return !c.names(a.Rule) })
	}
	for i := range c.Expect.alerts {
		want := &c.Expect.alerts[i]
		for range want.times() {
			if len(left) == 0 {
				wrong = append(wrong, fmt.Sprintf("line %d: expected but missing: %s", want.line, want))
				continue
			}
			if why := want.differs(&left[0]); why != "" {
				// Whether the alert is missing, another one is in its place, or it
				// looks otherwise: find it further on before saying so.
				at := slices.IndexFunc(left, func(a alert) bool { return want.differs(&a) == "" })
				if at < 0 {
					wrong = append(wrong, fmt.Sprintf("line %d: %s", want.line, why))
					if rules.MatchName(want.Rule, left[0].Rule) {
						left = left[1:]
					}
					continue
				}
				for _, a := range left[:at] {
					wrong = append(wrong, "not expected here: "+a.String())
				}
				left = left[at:]
			}
			left = left[1:]
		}
	}
	for _, a := range left {
		wrong = append(wrong, "not expected: "+a.String())
	}
	return wrong
}

// names reports whether the test expects alerts of a rule.
func (c *testCase) names(rule string) bool {
	return slices.ContainsFunc(c.Expect.alerts, func(w wanted) bool { return rules.MatchName(w.Rule, rule) })
}

func (w *wanted) times() int {
	if w.Count == nil {
		return 1
	}
	return max(0, *w.Count)
}

// differs says how an alert is not the one that is wanted; "" when it is.
func (w *wanted) differs(a *alert) string {
	var diff []string
	if !rules.MatchName(w.Rule, a.Rule) {
		return fmt.Sprintf("expected %s\n    but came %s", w, a)
	}
	if w.Priority != "" && !samePriority(w.Priority, a.Priority) {
		diff = append(diff, fmt.Sprintf("- priority: %s\n    + priority: %s", w.Priority, a.Priority))
	}
	for _, part := range w.Output {
		if !strings.Contains(a.Output, part) {
			diff = append(diff, fmt.Sprintf("- output with: %s\n    + output: %s", part, a.Output))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Fields)) {
		if got := a.Fields[name]; got != w.Fields[name] {
			diff = append(diff, fmt.Sprintf("- %s: %s\n    + %s: %s", name, w.Fields[name], name, got))
		}
	}
	if len(diff) == 0 {
		return ""
	}
	return "the alert of " + a.Rule + a.where() + " is not as expected\n    " + strings.Join(diff, "\n    ")
}

func samePriority(a, b string) bool {
	p, ok := rules.ParsePriority(a)
	q, ok2 := rules.ParsePriority(b)
	return ok && ok2 && p == q
}

// String describes an expected alert.
func (w *wanted) String() string {
	s := w.Rule
	if w.Priority != "" {
		s += " (" + w.Priority + ")"
	}
	return s
}

// String describes an alert.
func (a *alert) String() string {
	return fmt.Sprintf("%s (%s)%s: %s", a.Rule, a.Priority, a.where(), a.Output)
}

func (a *alert) where() string {
	if a.Line == 0 {
		return ""
	}
	return fmt.Sprintf(", by the event of line %d", a.Line)
}
