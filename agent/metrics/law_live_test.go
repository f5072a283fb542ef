// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"io"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/test/live"
)

// What is told under load adds up: seen = delivered + lost, but for the events that
// are under way; never are more delivered and lost than were seen.
func TestSeenIsDeliveredAndDroppedUnderLoad(t *testing.T) {
	live.Require(t)
	drv, err := drivers.Open(drivers.Auto, drivers.Options{RingBytes: 64 << 10}) // small: some are lost
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drv.SetInterestingSyscalls(scap.Selection{Exit: scap.ParseSyscallSet("read", "write")}); err != nil {
		t.Fatal(err)
	}
	if err := drv.Start(); err != nil {
		t.Fatal(err)
	}
	load := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=1")
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = load.Process.Kill()
		_ = load.Wait() // killed: an error is what it ends with
		if err := drv.Close(); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}()
	b, batch, got := NewBoard(), scap.Batch{}, Sample{}
	samples, lost, underWay := 0, uint64(0), uint64(8*runtime.NumCPU())
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && (samples < 2000 || lost == 0); samples++ {
		if samples%100 == 0 { // seldom: the ring fills
			if err := drv.Next(&batch, time.Millisecond); err != nil {
				t.Fatal(err)
			}
			drv.Release(&batch)
		}
		s := b.Begin()
		s.HasDriver = true
		if err := drv.Stats(&s.Driver); err != nil {
			t.Fatal(err)
		}
		b.Commit()
		b.Read(&got)
		if c := got.Driver.Counters; c.Seen < c.Delivered+c.Drops() || c.Seen > c.Delivered+c.Drops()+underWay {
			t.Fatalf("sample %d: %+v", samples, c)
		}
		lost = got.Driver.Drops()
	}
	if got.Driver.Delivered == 0 || lost == 0 {
		t.Errorf("delivered %d, lost %d: the load was none", got.Driver.Delivered, lost)
	}
	scaptest.Account(t, drv, &got.Driver)
	var byCall uint64
	for _, n := range got.Driver.DropsBySyscall {
		byCall += n
	}
	t.Logf("%d samples, %+v, by call %d", samples, got.Driver.Counters, byCall)
}
