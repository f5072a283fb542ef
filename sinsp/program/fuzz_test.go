// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

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
