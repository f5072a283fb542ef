// SPDX-License-Identifier: Apache-2.0

package textfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, content string) string {
		if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	pipe := at("pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	zero := at("zero")
	if err := os.Symlink("/dev/zero", zero); err != nil {
		t.Fatal(err)
	}
	const max = 1 << 20
	for name, c := range map[string]struct{ path, want, err string }{
		"a file":                      {path: write("a", "- rule: A\n"), want: "- rule: A\n"},
		"an empty file":               {path: write("empty", "")},
		"a file of exactly the limit": {path: write("max", strings.Repeat("x", max)), want: strings.Repeat("x", max)},
		"a file above the limit":      {path: write("big", strings.Repeat("x", max+1)), err: "larger than 1 MiB"},
		"a device without an end":     {path: zero, err: "larger than 1 MiB"},
		"/dev/null":                   {path: "/dev/null"},
		"a folder":                    {path: dir, err: "is a directory"},
		"a pipe that nobody opens":    {path: pipe, err: "nobody writes to it"},
		"nothing":                     {path: at("none"), err: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(c.path, max, time.Second)
			if c.err != "" {
				var p *fs.PathError
				if !errors.As(err, &p) || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one of *fs.PathError with %q", err, c.err)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Fatalf("%d bytes, %v; want %d", len(got), err, len(c.want))
			}
		})
	}
}

// As a shell's <(command) gives it.
func TestAPipeIsReadToItsEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", r.Fd())
	if _, err := read(path, 1<<20, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "is somebody writing") {
		t.Fatalf("a silent pipe that stays open: %v, want an error after the time limit", err)
	}
	go func() {
		for range 1000 {
			_, _ = w.WriteString("- rule: A\n")
		}
		w.Close()
	}()
	got, err := read(path, 1<<20, time.Minute)
	if err != nil || string(got) != strings.Repeat("- rule: A\n", 1000) {
		t.Errorf("%d bytes, %v; want 10000", len(got), err)
	}
}
