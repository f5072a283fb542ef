// SPDX-License-Identifier: Apache-2.0

// Package textfile reads the files that people name: configuration, rules,
// tests. What a name leads to is not known beforehand (a link to /dev/zero, a
// pipe that nobody writes to), so there is a bound on size and time.
package textfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// patience is how long a pipe may keep a reader waiting.
const patience = 5 * time.Second

// Read returns the content of a file of at most max bytes. Pipes and devices
// can be read, too, if something comes out of them. Errors are of the kind
// *fs.PathError.
func Read(path string, max int64) ([]byte, error) { return read(path, max, patience) }

func read(path string, max int64, patience time.Duration) ([]byte, error) {
	// Without O_NONBLOCK the open itself waits for somebody who writes.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	refuse := func(format string, args ...any) ([]byte, error) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf(format, args...)}
	}
	if info.IsDir() {
		return refuse("%w", syscall.EISDIR)
	}
	if info.Mode().IsRegular() && info.Size() > max {
		return refuse("the file is larger than %d MiB", max>>20)
	}
	// Ordinary files know no deadline, and need none.
	_ = f.SetReadDeadline(time.Now().Add(patience))
	content, err := io.ReadAll(io.LimitReader(f, max+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse("nothing comes out of it for %v; is somebody writing to this pipe?", patience)
	case err != nil:
		return nil, err
	case int64(len(content)) > max:
		return refuse("the file is larger than %d MiB", max>>20)
	case len(content) == 0 && info.Mode()&fs.ModeNamedPipe != 0:
		return refuse("it is a pipe and nobody writes to it")
	}
	return content, nil
}
