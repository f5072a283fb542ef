// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
)

// brokenWriter fails each write.
type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: b.err}
}

func TestAlertsThatCannotBeWrittenAreToldOfAtOnce(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.sys.Stdout = brokenWriter{syscall.ENOSPC}
	w.driver.Play(execCat(), openFile(100, "/etc/shadow"))
	w.start()
	w.until(&w.err, "stdout: write /dev/stdout: no space left on device")
	w.driver.End()
	if s := w.wait(); s != 0 {
		t.Errorf("status %d: a full disk may have room again", s)
	}
}

func TestAReaderThatHasGoneEndsTheRun(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.sys.Stdout = brokenWriter{syscall.EPIPE}
	w.driver.Play(execCat(), openFile(100, "/etc/shadow"))
	if s := w.run(); s != 1 {
		t.Errorf("status %d, want 1", s)
	}
	if !strings.Contains(w.err.String(), "Error: nobody reads the alerts on standard output any more: ") {
		t.Errorf("stderr: %s", &w.err)
	}
}

func TestSignalDuringTheStartEndsIt(t *testing.T) {
	w := newWorld(t, shadowRule)
	held := make(chan struct{})
	w.sys.Open = func(string, drivers.Options) (scap.Driver, error) {
		<-held
		return w.driver, nil
	}
	w.start()
	w.until(&w.err, "Opening 'syscall' source")
	w.signals <- syscall.SIGHUP // nothing to reload yet
	w.signals <- syscall.SIGINT
	w.until(&w.err, "SIGINT received, exiting...")
	close(held)
	if s := w.wait(); s != 0 {
		t.Errorf("status %d", s)
	}
	if calls := w.driver.Calls(); len(calls) == 0 || calls[len(calls)-1] != "Close" {
		t.Errorf("the driver is not closed: %v", calls)
	}
	if strings.Contains(w.err.String(), "Watching:") {
		t.Errorf("it went on: %s", &w.err)
	}
}
