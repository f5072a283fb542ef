// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// What is told under load adds up at every moment: seen = delivered + lost.
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
	samples, lost := 0, uint64(0)
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
		if c := got.Driver.Counters; c.Seen != c.Delivered+c.Drops() {
			t.Fatalf("sample %d: %+v", samples, c)
		}
		lost = got.Driver.Drops()
	}
	if got.Driver.Delivered == 0 || lost == 0 {
		t.Errorf("delivered %d, lost %d: the load was none", got.Driver.Delivered, lost)
	}
	var byCall uint64
	for _, n := range got.Driver.DropsBySyscall {
		byCall += n
	}
	t.Logf("%d samples, %+v, by call %d", samples, got.Driver.Counters, byCall)
}
