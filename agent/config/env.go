// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// maxExpansions ends the expansion of a variable whose value names itself.
const maxExpansions = 1000

// Expand replaces ${NAME} in s by what env knows (nothing when it does not).
// A replacement is scanned again, $${x} stands for the text ${x}, and a dollar
// that begins neither form ends the expansion, as does an unclosed brace.
func Expand(s string, env func(string) (string, bool)) string {
	pos := 0
	for range maxExpansions {
		i := strings.IndexByte(s[pos:], '$')
		if i < 0 {
			return s
		}
		i += pos
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "$${"):
			if strings.IndexByte(rest, '}') < 0 {
				return s
			}
			s = s[:i] + rest[1:]
			pos = i + len("${")
		case strings.HasPrefix(rest, "${"):
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return s
			}
			value, _ := env(rest[2:end])
			if len(s)+len(value) > maxScalar {
				return s
			}
			s = s[:i] + value + rest[end+1:]
			pos = i
		default:
			return s
		}
	}
	return s
}
