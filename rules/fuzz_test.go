// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad loads two files made of anything: it must not panic, not run away,
// and give a set exactly when the report has no error.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.script")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for c := range strings.SplitSeq(string(text), "\n=>\n") {
			if _, c, ok := strings.Cut(c, "\n-- "); ok {
				_, c, _ = strings.Cut(c, "\n")
				one, two, _ := strings.Cut(c, "\n-- b.yaml\n")
				f.Add(one, two)
			}
		}
	}
	f.Add("- &a [*a]", "- list: &l l\n  items: *l\n")
	f.Add("- rule: r\n  exceptions: &e [*e]\n  append: true\n", "? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, one, two string) {
		rs, rep := Load([]File{{"a.yaml", []byte(one)}, {"b.yaml", []byte(two)}}, Options{})
		if (rs != nil) != rep.OK() {
			t.Fatalf("set %v, report %v", rs != nil, rep.OK())
		}
		rep.Text()
		rep.Hints()
		rep.JSON()
		if rs == nil {
			if rep.Err() == nil {
				t.Fatal("no set and no error")
			}
			return
		}
		rs.DescribeJSON()
		rs.DescribeText()
		if _, err := rs.Compile(MatchAll); err != nil {
			t.Fatalf("what was loaded does not compile: %v", err)
		}
	})
}

// FuzzExpandList compares the replacement of a list's name with a plain one
// that works word by word.
func FuzzExpandList(f *testing.F) {
	f.Add("proc.name in (a, l, b)", "l", "x, y")
	f.Add("l", "l", "")
	f.Add("(l,l ,\tl)", "l", "")
	f.Fuzz(func(t *testing.T, text, name, members string) {
		out, n := expandList(text, name, members)
		if n == 0 && out != text {
			t.Fatalf("nothing replaced, but %q became %q", text, out)
		}
		if name == "" || strings.ContainsAny(name, delimiters) {
			return
		}
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(delimiters, r) })
		want := 0
		for _, w := range words {
			if w == name {
				want++
			}
		}
		if n != want {
			t.Fatalf("%q replaced %d times in %q, want %d", name, n, text, want)
		}
	})
}

func FuzzMatchName(f *testing.F) {
	f.Add("*a***b", "zzab")
	f.Add("a*a", "aa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got := MatchName(pattern, name)
		if !strings.Contains(pattern, "*") && got != (pattern == name) {
			t.Fatalf("%q matches %q: %v", pattern, name, got)
		}
		if got && strings.Count(name, "")+strings.Count(pattern, "*") < strings.Count(pattern, "") {
			t.Fatalf("%q matches %q, which is shorter", pattern, name)
		}
	})
}
