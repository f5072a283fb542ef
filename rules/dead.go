// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// DeadFields returns a line for each enabled rule that uses deprecated fields
// of which no event has a value any more: file, line and column as editors
// count them, the rule, and which fields of the condition and of the output
// these are. The report of a load does not have them because its warnings are
// interface.
func (rs *Ruleset) DeadFields() []string {
	var lines []string
	for _, r := range rs.Enabled() {
		condition, output := rs.dead(r)
		if len(condition)+len(output) == 0 {
			continue
		}
		var parts []string
		if len(condition) > 0 {
			parts = append(parts, "checks of "+strings.Join(condition, ", ")+" are false")
		}
		if len(output) > 0 {
			parts = append(parts, "the output has nothing for "+strings.Join(output, ", "))
		}
		file, line, col := r.Where()
		lines = append(lines, fmt.Sprintf("%s:%d:%d, rule '%s': deprecated fields never have a value: %s", file, line, col, r.Name, strings.Join(parts, "; ")))
	}
	return lines
}

func (rs *Ruleset) dead(r *Rule) (condition, output []string) {
	add := func(names *[]string, name string) {
		if f := rs.catalog.Lookup(name); f != nil && f.Dead && !slices.Contains(*names, name) {
			*names = append(*names, name)
		}
	}
	if r.Tree != nil {
		filter.Inspect(r.Tree, func(n filter.Node) bool {
			if f, ok := n.(*filter.Field); ok {
				add(&condition, f.Name)
			}
			return true
		})
	}
	for _, text := range r.outputFields {
		name, _, _ := strings.Cut(text, "[")
		add(&output, name)
	}
	return condition, output
}
