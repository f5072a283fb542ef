// SPDX-License-Identifier: Apache-2.0

package state

import (
	"path"
	"strings"
	"testing"
)

func TestJoinPath(t *testing.T) {
	tests := []struct{ dir, path, want string }{
		{"/", "a", "/a"},
		{"/a/", "b", "/a/b"},
		{"/a", "b/", "/a/b"},
		{"/a/b/", "../c", "/a/c"},
		{"/a/", "..", "/"},
		{"/", "..", "/"},
		{"/a/", "", "/a"},
		{"/a/", ".", "/a"},
		{"/a/", "/b//c/./d/..", "/b/c"},
		{"/a/", "/", "/"},
		{"/a/../b", "c", "/b/c"},
		{"./", "x", "x"},
		{"", "x/../../y", "../y"},
		{"", "../..", "../.."},
		{"", "", ""},
		{"/" + strings.Repeat("d", 1000), strings.Repeat("e", 100), pathTooLong},
	}
	for _, tt := range tests {
		if got := string(JoinPath([]byte("keep"), tt.dir, tt.path)); got != "keep"+tt.want {
			t.Errorf("JoinPath(%q, %q) = %q, want %q", tt.dir, tt.path, got[4:], tt.want)
		}
	}
}

// For absolute paths the result is that of the standard library.
func FuzzJoinPath(f *testing.F) {
	f.Add("/a/b", "../c")
	f.Add("", "../../x")
	f.Add("//", "./..//")
	f.Fuzz(func(t *testing.T, dir, name string) {
		got := string(JoinPath(nil, dir, name))
		if !strings.HasPrefix(dir, "/") || len(dir)+len(name) > maxPath/2 {
			return
		}
		want := path.Join(dir, name)
		if strings.HasPrefix(name, "/") {
			want = path.Clean(name)
		}
		if got != want {
			t.Fatalf("JoinPath(%q, %q) = %q, want %q", dir, name, got, want)
		}
	})
}
