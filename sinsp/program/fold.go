// SPDX-License-Identifier: Apache-2.0

package program

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// containsFold is strings.Contains without regard to the case of ASCII
// letters.
func containsFold(s, needle string) bool {
	if needle == "" {
		return true
	}
	lo, up := lower(needle[0]), upper(needle[0])
	for i := 0; i+len(needle) <= len(s); i++ {
		if (s[i] == lo || s[i] == up) && equalFold(s[i:i+len(needle)], needle) {
			return true
		}
	}
	return false
}

func equalFold(a, b string) bool {
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}
