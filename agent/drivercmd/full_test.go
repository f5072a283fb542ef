// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A disk that is full, where the product goes and where compilers work.
func TestABuildWithoutSpaceSaysWhereToPutIt(t *testing.T) {
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("needs a small file system: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(small, unix.MNT_DETACH)) })
	s := System{Stdout: io.Discard}
	product := func(_ context.Context, dir string, _ io.Writer) (string, error) {
		path := filepath.Join(dir, "x")
		return path, os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600)
	}

	err := s.make(context.Background(), "it", "6.1", filepath.Join(small, "probe.o"), false, product)
	if err == nil || !strings.Contains(err.Error(), "--output") {
		t.Error(err)
	}
	if left, _ := os.ReadDir(small); len(left) > 0 {
		t.Errorf("%v is left", left)
	}

	t.Setenv("TMPDIR", small)
	err = s.make(context.Background(), "it", "6.1", filepath.Join(t.TempDir(), "probe.o"), false, product)
	if err == nil || !strings.Contains(err.Error(), "TMPDIR") || !strings.Contains(err.Error(), small) {
		t.Error(err)
	}
}
