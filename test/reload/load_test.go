// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loadDir is the variable that makes this test binary the load: it opens files
// of that folder that do not exist, named by rising numbers.
const loadDir = "TIERCEL_RELOAD_LOAD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(loadDir); dir != "" {
		if err := load(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	burst = 10
	pause = time.Millisecond
)

// load opens until standard input ends and prints how many opens there were.
// Beside them it makes and ends threads and processes' state: descriptors that
// are duplicated and closed.
func load(dir string) error {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	runtime.LockOSThread()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	path := append([]byte(dir), '/')
	prefix := len(path)
	for n := 0; ; {
		for range burst {
			path = strconv.AppendInt(path[:prefix], int64(n), 10)
			if fd, err := unix.Open(string(path), unix.O_RDONLY, 0); err == nil {
				unix.Close(fd)
				return fmt.Errorf("%s exists", path)
			}
			n++
		}
		if fd, err := unix.Dup(2); err == nil {
			unix.Close(fd)
		}
		select {
		case <-ended:
			fmt.Println(n)
			return nil
		case <-tick.C:
		}
	}
}
