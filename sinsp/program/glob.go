// SPDX-License-Identifier: Apache-2.0

package program

import "strings"

// globMatch is fnmatch(3) without flags in the C locale: a slash is a
// character like any other. fold ignores the case of ASCII letters.
func globMatch(pattern, s string, fold bool) bool {
	p, i := 0, 0
	star, mark := -1, 0 // where to go on when what follows the last * fails
	for {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, mark = p, i
			continue
		}
		if i == len(s) && p == len(pattern) {
			return true
		}
		if i < len(s) && p < len(pattern) {
			if n := globOne(pattern[p:], s[i], fold); n > 0 {
				p += n
				i++
				continue
			}
		}
		if star < 0 || mark >= len(s) {
			return false
		}
		mark++
		p, i = star, mark
	}
}

// globOne matches c with the first element of a pattern that is neither empty
// nor starts with a star. It returns the length of the element, 0 when c does
// not match.
func globOne(pattern string, c byte, fold bool) int {
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if n, ok := globClass(pattern, c, fold); n > 0 {
			if ok {
				return n
			}
			return 0
		}
	case '\\':
		if len(pattern) > 1 && sameByte(pattern[1], c, fold) {
			return 2
		}
		return 0
	}
	if sameByte(pattern[0], c, fold) {
		return 1
	}
	return 0
}

// globClass matches c with a bracket expression. n is its length, 0 when the
// bracket is never closed and so is a plain character.
func globClass(pattern string, c byte, fold bool) (n int, ok bool) {
	i := 1
	invert := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if invert {
		i++
	}
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false
		}
		if pattern[i] == ']' && !first {
			return i + 1, ok != invert
		}
		if strings.HasPrefix(pattern[i:], "[:") {
			if end := strings.Index(pattern[i:], ":]"); end > 0 {
				name := pattern[i+2 : i+end]
				if inClass(name, c) || fold && (inClass(name, lower(c)) || inClass(name, upper(c))) {
					ok = true
				}
				i += end + 2
				continue
			}
		}
		lo, size := classByte(pattern[i:])
		i += size
		hi := lo
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			hi, size = classByte(pattern[i+1:])
			i += 1 + size
		}
		if lo <= c && c <= hi || fold && (lo <= lower(c) && lower(c) <= hi || lo <= upper(c) && upper(c) <= hi) {
			ok = true
		}
	}
}

// classByte reads one member of a bracket expression, which a backslash may
// escape.
func classByte(pattern string) (c byte, size int) {
	if pattern[0] == '\\' && len(pattern) > 1 {
		return pattern[1], 2
	}
	return pattern[0], 1
}

func inClass(name string, c byte) bool {
	letter := lower(c) >= 'a' && lower(c) <= 'z'
	digit := c >= '0' && c <= '9'
	switch name {
	case "alpha":
		return letter
	case "digit":
		return digit
	case "alnum":
		return letter || digit
	case "upper":
		return c >= 'A' && c <= 'Z'
	case "lower":
		return c >= 'a' && c <= 'z'
	case "space":
		return c == ' ' || c >= '\t' && c <= '\r'
	case "blank":
		return c == ' ' || c == '\t'
	case "punct":
		return c > ' ' && c < 0x7f && !letter && !digit
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "print":
		return c >= ' ' && c < 0x7f
	case "graph":
		return c > ' ' && c < 0x7f
	case "xdigit":
		return digit || lower(c) >= 'a' && lower(c) <= 'f'
	}
	return false
}

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

func sameByte(a, b byte, fold bool) bool { return a == b || fold && lower(a) == lower(b) }

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
