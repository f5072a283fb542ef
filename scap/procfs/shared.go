// SPDX-License-Identifier: Apache-2.0

package procfs

import "sync"

// Reading a process is nearly all system calls, so several threads of ours
// read several processes at once where there are many.
const (
	maxWorkers = 4
	shareFrom  = 64 // processes for each worker that make it worth while
)

// scanShared is the loop of Scan on n workers. Worker k reads every n-th
// process from the k-th on and waits until it is taken, so that fn gets them
// one after the other, by ascending pid, and each Process is alone in use.
func (r *Reader) scanShared(d dir, n int, fn func(*Process) error) error {
	for len(r.peers) < n {
		r.peers = append(r.peers, newReader(r.root, r.opts, r.ns))
	}
	var (
		workers sync.WaitGroup
		stop    = make(chan struct{})
		read    = make([]chan bool, n)     // worker k has read its next one, or found it gone
		taken   = make([]chan struct{}, n) // fn is done with it
	)
	for k, w := range r.peers[:n] {
		w.unified, w.hostPidNS, w.hostUserNS, w.files = r.unified, r.hostPidNS, r.hostUserNS, r.files
		read[k], taken[k] = make(chan bool), make(chan struct{})
		workers.Go(func() {
			for i := k; i < len(r.pids); i += n {
				there := w.process(d, r.pids[i], 0) == nil
				select {
				case read[k] <- there:
				case <-stop:
					return
				}
				if there {
					select {
					case <-taken[k]:
					case <-stop:
						return
					}
				}
			}
		})
	}
	defer workers.Wait()
	defer close(stop)
	for i := range r.pids {
		k := i % n
		if !<-read[k] {
			continue
		}
		if err := fn(&r.peers[k].proc); err != nil {
			return err
		}
		taken[k] <- struct{}{}
	}
	return nil
}
