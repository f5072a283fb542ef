// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/test/live"
)

// gaveUp is the status of a child that Go could not turn into a program.
const gaveUp = 253 << 8

// What a service waits for on an idle host is in the smallest selection, comes
// from a process of its own, and leaves none behind.
func TestLiveAnEventComesWhenOneIsAskedFor(t *testing.T) {
	live.Require(t)
	d := live.Driver(t, live.Options{})
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: sinsp.ProcessExit()}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	endProcess()
	var batch scap.Batch
	for end := time.Now().Add(time.Minute); ; {
		if err := d.Next(&batch, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		came := false
		for i := range batch.Events {
			status, ok := batch.Events[i].Int(0)
			came = came || ok && batch.Events[i].Type() == scap.EvProcexitV1E && status == gaveUp
		}
		d.Release(&batch)
		if came {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the end of the process has not come")
		}
	}
	var status unix.WaitStatus
	if pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil); err == nil && pid > 0 {
		t.Errorf("the child %d is left behind", pid)
	}
}
