// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What a perf buffer of the kernel looks like before anything is in it.
func TestLiveAPerfBufferCanBeMapped(t *testing.T) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_BPF_OUTPUT, Sample_type: unix.PERF_SAMPLE_RAW,
		Sample: 1, Bits: unix.PerfBitWatermark, Wakeup: 4096,
	}
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		t.Skipf("no perf events here: %v", err)
	}
	defer unix.Close(fd)
	const size = 16384
	r, err := MapPerf(fd, size, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Available() != 0 || r.Size() != size {
		t.Errorf("%d of %d bytes wait", r.Available(), r.Size())
	}
	if err := r.Unmap(); err != nil {
		t.Fatal(err)
	}
	if err := r.Unmap(); err != nil {
		t.Error(err)
	}
}
