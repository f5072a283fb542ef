// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/program"
)

// Whatever the conditions are like, the plan for them stays small.
func TestPlanStaysSmall(t *testing.T) {
	list := func(n int, sep, format string, args ...any) string {
		var parts []string
		for j := range n {
			parts = append(parts, fmt.Sprintf(format, append(args, j)...))
		}
		return strings.Join(parts, sep)
	}
	for name, c := range map[string]struct {
		rules, kilobytes int
		condition        func(i int) string
	}{
		"branches on values that all share": {200, 15_000, func(i int) string {
			return list(150, " or ", "(proc.name = a%[2]d and fd.name startswith /x%[1]d/%[2]d)", i)
		}},
		"ranges that overlap": {1500, 3000, func(i int) string {
			return fmt.Sprintf("fd.sport > %d and fd.sport < %d", i, i+800)
		}},
		"nothing that finds them": {2000, 1500, func(i int) string {
			return fmt.Sprintf("not proc.name = x%d and not fd.name startswith /a%d", i, i)
		}},
		"a long list or something else": {1500, 40_000, func(i int) string {
			return fmt.Sprintf("proc.name in (%s) or proc.pname = x%d", list(1000, ", ", "n%d"), i)
		}},
		"one list for all": {1000, 1500, func(i int) string {
			return fmt.Sprintf("proc.name in (%s) and not proc.pname = x%d", list(60, ", ", "n%d"), i)
		}},
	} {
		b := program.NewBuilder(newCatalog())
		for i := range c.rules {
			if _, _, err := b.Add(parse(t, c.condition(i)), evtset.AllTypes()); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.Build().Bytes() / 1000; got > c.kilobytes {
			t.Errorf("%s: %d kB, want at most %d", name, got, c.kilobytes)
		}
	}
}
