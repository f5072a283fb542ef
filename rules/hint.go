// SPDX-License-Identifier: Apache-2.0

package rules

import "strings"

func didYouMean(name string) string { return "did you mean '" + name + "'?" }

// nearest returns the name that was probably meant by a misspelt one, or ""
// when none is close. Case does not count.
func nearest(name string, names []string) string {
	low := strings.ToLower(name)
	best, limit := "", (len(name)+1)/4
	for _, n := range names {
		if n == name {
			continue
		}
		if d := editDistance(low, strings.ToLower(n), limit); d < limit || d == limit && best == "" {
			best, limit = n, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, delete, replace or swap with their
// neighbour to make b of a; anything above limit may come back as limit+1.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			d := last[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
