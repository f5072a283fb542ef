// SPDX-License-Identifier: Apache-2.0

package procfs

import "testing"

// BenchmarkScan reads all processes of this host; an op is one process.
func BenchmarkScan(b *testing.B) {
	for _, c := range []struct {
		name string
		opts Options
	}{{"all", Options{}}, {"no descriptors", Options{NoFDs: true}}} {
		b.Run(c.name, func(b *testing.B) {
			r := New("", c.opts)
			fds, threads := 0, 0
			b.ReportAllocs()
			for n := 0; n < b.N; {
				err := r.Scan(func(p *Process) error {
					n++
					fds += len(p.FDs)
					threads += 1 + len(p.Threads)
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(fds)/float64(b.N), "fds/process")
			b.ReportMetric(float64(threads)/float64(b.N), "threads/process")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "processes/s")
		})
	}
}
