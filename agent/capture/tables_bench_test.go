// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tiercel/tiercel/sinsp/state"
)

// BenchmarkBegin is what the event loop pays for the first event of a capture
// on a host with 2,000 processes of 20 descriptors.
func BenchmarkBegin(b *testing.B) {
	e := state.New(state.Options{})
	for tid := int64(1); tid <= 2000; tid++ {
		e.Process(exec(uint64(tid), tid, "a"))
		for fd := range int64(20) {
			e.Process(openAt(uint64(tid), tid, fd, "/some/file/or/other"))
		}
	}
	ev := e.Process(openAt(3000, 1, 5, "/etc/passwd"))
	c := New(Options{Prefix: filepath.Join(b.TempDir(), "x"), Duration: time.Millisecond}, e, nil)
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for c.w.files.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
		c.OnMatch(wants)
		b.StartTimer()
		c.num++
		ev.Num = c.num
		c.OnEvent(ev)
		b.StopTimer()
		c.finish()
		b.StartTimer()
	}
}
