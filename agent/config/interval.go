// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"strings"
)

var intervalUnits = []struct {
	name string
	ms   uint64
}{
	{"y", 365 * 24 * 3600 * 1000}, {"w", 7 * 24 * 3600 * 1000}, {"d", 24 * 3600 * 1000},
	{"h", 3600 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1},
}

// ParseInterval reads a duration such as 1h30m as Prometheus writes them and
// returns milliseconds; units go from large to small and blanks are ignored.
// Anything else, a bare number included, is 0. A number that begins with 0 is
// octal, as the reference has it.
func ParseInterval(text string) uint64 {
	var s []byte
	for i := range len(text) {
		if c := text[i]; strings.IndexByte(" \t\n\v\f\r", c) < 0 {
			s = append(s, c)
		}
	}
	total, unit := uint64(0), 0
	for i := 0; i < len(s); {
		n, base, octal, start := uint64(0), uint64(10), true, i
		if s[i] == '0' {
			base = 8
		}
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if n > math.MaxUint64/100 {
				return 0
			}
			digit := uint64(s[i] - '0')
			if octal = octal && digit < base; octal { // an octal number ends before 8 and 9
				n = n*base + digit
			}
		}
		if i == start {
			return 0
		}
		from := i
		for i < len(s) && (s[i] < '0' || s[i] > '9') {
			i++
		}
		name := string(s[from:i])
		for unit < len(intervalUnits) && intervalUnits[unit].name != name {
			unit++
		}
		if unit == len(intervalUnits) || (n != 0 && n > math.MaxUint64/2/intervalUnits[unit].ms) {
			return 0
		}
		total += n * intervalUnits[unit].ms
		unit++
	}
	return total
}
