// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

// slowGlob is fnmatch for stars, question marks and plain bytes.
func slowGlob(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		for i := range len(s) + 1 {
			if slowGlob(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && slowGlob(pattern[1:], s[1:])
}

func FuzzGlob(f *testing.F) {
	f.Add("*a?c*", "xxabcyy")
	f.Add("[!a-c[:digit:]]*", "zebra")
	f.Add("[", "[")
	f.Add(`\`, `\`)
	f.Add("[]a-]x[^", "]x[^")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		got := globMatch(pattern, s, false)
		globMatch(pattern, s, true)
		if len(pattern) > 12 || len(s) > 24 || strings.ContainsAny(pattern, `[\`) {
			return // for the slow one
		}
		if want := slowGlob(pattern, s); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, s, got, want)
		}
	})
}

func TestGlobClasses(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"[abc]", "b", true}, {"[abc]", "d", false}, {"[!abc]", "d", true}, {"[^abc]", "a", false},
		{"[a-c]", "b", true}, {"[a-]", "-", true}, {"[]]", "]", true}, {"[!]]", "]", false}, {"[]-a]", "^", true},
		{"[[:digit:][:upper:]]", "7", true}, {"[[:digit:][:upper:]]", "Q", true}, {"[[:digit:]]", "x", false},
		{"[[:nosuch:]]", "x", false}, {`[\]]`, "]", true}, {`\*`, "*", true}, {`\*`, "x", false}, {`a\`, "a", false},
		{"[a", "[a", true}, {"[a", "a", false}, {"a[", "a[", true}, {"*[!a]", "bb", true}, {"*.[ch]", "x.y.c", true},
	} {
		if got := globMatch(c.pattern, c.s, false); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.s, got)
		}
	}
	if !globMatch("[A-C]x*", "bXyz", true) || globMatch("[A-C]x*", "bXyz", false) {
		t.Error("folding of case is wrong")
	}
}

// A long value and many stars must not take forever.
func TestGlobIsNotExponential(t *testing.T) {
	if globMatch(strings.Repeat("*a", 50)+"b", strings.Repeat("a", 5000), false) {
		t.Error("matched")
	}
}

func FuzzPathTree(f *testing.F) {
	f.Add("/etc\n/usr/*/lib", "/usr/local/lib/x")
	f.Add("//\n*", "a")
	f.Fuzz(func(t *testing.T, paths, path string) {
		list := strings.Split(paths, "\n")
		got := newPathTree(list).match(path)
		if strings.ContainsAny(paths, "?*[") {
			return
		}
		split := func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == '/' }) }
		want := false
		for _, p := range list {
			have, need := split(path), split(p)
			want = want || len(need) <= len(have) && strings.Join(have[:len(need)], "/") == strings.Join(need, "/")
		}
		if got != want {
			t.Errorf("%q under %q: %v, want %v", path, list, got, want)
		}
	})
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"1", "-1", "0x1", "10.0.0.1", "10.0.0.0/8", "::1/64", "true", "http", "", "caf"} {
		f.Add(uint8(4), s)
		f.Add(uint8(41), s)
	}
	f.Fuzz(func(t *testing.T, typ uint8, text string) {
		l, err := parseLiteral(scap.ParamType(typ%48), "=", text)
		if err == nil && l.key() == "" {
			t.Errorf("%q has no key", text)
		}
	})
}
