// SPDX-License-Identifier: Apache-2.0

package rules

import "strings"

// MatchName reports whether a rule name matches a pattern in which * stands
// for any text. Each literal part is taken at its first possible place, so
// "*ab" does not match "abab": this is how the option that selects rules is
// defined.
func MatchName(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	rest := name[len(parts[0]):]
	for _, p := range parts[1:] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return rest == "" || parts[len(parts)-1] == ""
}
