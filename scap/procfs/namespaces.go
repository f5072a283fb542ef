// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"sync"
	"time"
)

// namespaces remembers what the processes of a namespace share. The readers of
// one scan use it together; a table is not changed once it is in its map.
type namespaces struct {
	mu    sync.Mutex
	pids  map[uint64]uint64 // pid namespace -> start of its init
	nets  map[uint64]*socketTable
	mnts  map[uint64]*mountTable
	clock func() time.Time
}

// maxNamespaces bounds how many namespaces of a kind are remembered.
const maxNamespaces = 1024

func newNamespaces() *namespaces {
	return &namespaces{
		pids:  make(map[uint64]uint64),
		nets:  make(map[uint64]*socketTable),
		mnts:  make(map[uint64]*mountTable),
		clock: time.Now,
	}
}

// forget makes everything be read again.
func (n *namespaces) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.pids)
	clear(n.nets)
	clear(n.mnts)
}

func (n *namespaces) forgetPidns() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.pids)
}

func (n *namespaces) pidnsStart(ns uint64) (uint64, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	start, ok := n.pids[ns]
	return start, ok
}

func (n *namespaces) setPidnsStart(ns, start uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	bound(n.pids)
	n.pids[ns] = start
}

// socket finds a socket of the process in d, whose network namespace is netns.
// The lock is held while a table is read, so that each is read once.
func (r *Reader) socket(d dir, netns, ino uint64) (socket, bool) {
	n := r.ns
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.nets[netns]
	if t != nil {
		if s, ok := t.sockets[ino]; ok {
			return s, true
		}
		if n.clock().Sub(t.read) < rereadSockets {
			return socket{}, false
		}
	}
	t = &socketTable{sockets: make(map[uint64]socket), read: n.clock()}
	r.readSockets(d, netns, t)
	bound(n.nets)
	n.nets[netns] = t
	s, ok := t.sockets[ino]
	return s, ok
}

// mounts returns the mounts of the process in d, whose namespace is mntns.
func (r *Reader) mounts(d dir, mntns uint64) *mountTable {
	n := r.ns
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.mnts[mntns]
	if t != nil && n.clock().Sub(t.read) < rereadMounts {
		return t
	}
	t = &mountTable{read: n.clock()}
	r.lines(d, "mountinfo", 0, t.add)
	bound(n.mnts)
	n.mnts[mntns] = t
	return t
}

func bound[V any](m map[uint64]V) {
	if len(m) >= maxNamespaces {
		clear(m)
	}
}
