// SPDX-License-Identifier: Apache-2.0

// Package glob matches text with the patterns of fnmatch(3) as the C library
// does without flags in the C locale: a slash and a leading dot are characters
// like any others, and characters are bytes.
package glob

import "strings"

// Match reports whether all of s fits the pattern.
func Match(pattern, s string) bool { return match(pattern, s, false) }

// MatchFold is Match without regard to the case of ASCII letters. As in the C
// library the ends of a range are taken as lower case: [A-Z] holds all letters.
func MatchFold(pattern, s string) bool { return match(pattern, s, true) }

// HasMeta reports whether the pattern is more than plain text.
func HasMeta(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

func match(pattern, s string, fold bool) bool {
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
			if n := one(pattern[p:], s[i], fold); n > 0 {
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

// one matches c with the first element of a pattern that is neither empty nor
// starts with a star. It returns the length of the element, 0 when c does not
// match.
func one(pattern string, c byte, fold bool) int {
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if n, ok := bracket(pattern, c, fold); n > 0 {
			if ok {
				return n
			}
			return 0
		}
	case '\\':
		if len(pattern) > 1 && same(pattern[1], c, fold) {
			return 2
		}
		return 0
	}
	if same(pattern[0], c, fold) {
		return 1
	}
	return 0
}

// bracket matches c with a bracket expression. n is its length, 0 when the
// bracket is never closed and so is a plain character.
func bracket(pattern string, c byte, fold bool) (n int, ok bool) {
	i := 1
	invert := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if invert {
		i++
	}
	// What is no class or symbol makes the bracket match nothing, unless c was
	// found before it.
	found, bad := false, false
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false
		}
		if pattern[i] == ']' && !first {
			return i + 1, !bad && found != invert
		}
		if name, size := named(pattern[i:], ':'); size > 0 {
			in, known := inClass(name, c)
			bad = bad || !known && !found
			found = found || in
			i += size
			continue
		}
		if name, size := named(pattern[i:], '='); size > 0 && len(name) == 1 {
			found = found || name[0] == c
			i += size
			continue
		}
		if openSymbol(pattern[i:]) {
			return len(pattern), false
		}
		lo, size, symbol := member(pattern[i:])
		bad = bad || size == 0 && !found
		i += max(size, symbol)
		if i+1 >= len(pattern) || pattern[i] != '-' || pattern[i+1] == ']' {
			found = found || lo == c || fold && symbol == 0 && lower(lo) == lower(c)
			continue
		}
		hi, size, symbol := member(pattern[i+1:])
		bad = bad || size == 0 && !found
		i += 1 + max(size, symbol)
		if fold {
			found = found || lower(lo) <= lower(c) && lower(c) <= lower(hi)
		} else {
			found = found || lo <= c && c <= hi
		}
	}
}

// named reads [:name:], [=name=] or [.name.], by the kind of its marks. size
// is 0 for anything else.
func named(pattern string, mark byte) (name string, size int) {
	if len(pattern) < 2 || pattern[0] != '[' || pattern[1] != mark {
		return "", 0
	}
	end := strings.Index(pattern[2:], string([]byte{mark, ']'}))
	if end < 0 {
		return "", 0
	}
	name = pattern[2 : 2+end]
	if mark == ':' && strings.Trim(name, "abcdefghijklmnopqrstuvwxy") != "" {
		return "", 0 // a plain bracket and what follows it
	}
	return name, end + 4
}

// member reads one member of a bracket expression, which a backslash may
// escape. symbol is the length of a collating symbol, 0 for other members. It
// has to be a single character in the C locale: size is 0 for any other.
func member(pattern string) (c byte, size, symbol int) {
	if name, n := named(pattern, '.'); n > 0 {
		if len(name) != 1 {
			return 0, 0, n
		}
		return name[0], n, n
	}
	if pattern[0] == '\\' && len(pattern) > 1 {
		return pattern[1], 2, 0
	}
	return pattern[0], 1, 0
}

// openSymbol reports whether a collating symbol begins that does not end; such
// a pattern matches nothing.
func openSymbol(pattern string) bool {
	return strings.HasPrefix(pattern, "[.") && !strings.Contains(pattern[2:], ".]")
}

// inClass reports whether c belongs to a character class, and whether there is
// such a class.
func inClass(name string, c byte) (in, known bool) {
	letter := lower(c) >= 'a' && lower(c) <= 'z'
	digit := c >= '0' && c <= '9'
	switch name {
	case "alpha":
		in = letter
	case "digit":
		in = digit
	case "alnum":
		in = letter || digit
	case "upper":
		in = c >= 'A' && c <= 'Z'
	case "lower":
		in = c >= 'a' && c <= 'z'
	case "space":
		in = c == ' ' || c >= '\t' && c <= '\r'
	case "blank":
		in = c == ' ' || c == '\t'
	case "punct":
		in = c > ' ' && c < 0x7f && !letter && !digit
	case "cntrl":
		in = c < ' ' || c == 0x7f
	case "print":
		in = c >= ' ' && c < 0x7f
	case "graph":
		in = c > ' ' && c < 0x7f
	case "xdigit":
		in = digit || lower(c) >= 'a' && lower(c) <= 'f'
	default:
		return false, false
	}
	return in, true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func same(a, b byte, fold bool) bool { return a == b || fold && lower(a) == lower(b) }
