// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/state"
)

// FuzzCleanPaths: what passes for clean is what joining makes of it.
func FuzzCleanPaths(f *testing.F) {
	for _, s := range []string{"/", "/etc/passwd", "/a//b", "/a/./b", "/a/..", "/a/", "/.ssh", "a", "/a/...", "/a/b.c", strings.Repeat("/abc", 256), strings.Repeat("/abc", 257)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || !isClean(s) {
			return
		}
		if joined := string(state.JoinPath(nil, "/", s)); joined != s {
			t.Errorf("%q is clean, but joined it is %q", s, joined)
		}
	})
}

func TestCommonPathsAreClean(t *testing.T) {
	for _, s := range []string{"/", "/etc/passwd", "/usr/lib/x86_64-linux-gnu/libc.so.6"} {
		if !isClean(s) {
			t.Errorf("%s is copied", s)
		}
	}
}
