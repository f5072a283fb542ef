// SPDX-License-Identifier: Apache-2.0

// Package hostnames finds the addresses of the host names that rules mention,
// so that conditions such as fd.sip.name = pool.example.org can be answered
// without asking anybody while an event waits. Only names that some condition
// compares with are ever looked up; addresses are never looked up in reverse,
// because whoever owns an address decides what its reverse name says.
package hostnames

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Bounds of a resolver.
const (
	// Refresh is how often names are looked up again.
	Refresh = 5 * time.Minute
	// Keep is for how long an address counts after it was last given for a
	// name: servers behind a name take turns.
	Keep = time.Hour
	// MaxNames bounds the names, MaxAddrs the addresses of one name.
	MaxNames = 4096
	MaxAddrs = 256

	lookupTimeout = 5 * time.Second
	parallel      = 4 // lookups at a time
)

// Lookup returns the addresses of a name; (*net.Resolver).LookupNetIP with the
// network "ip" is one.
type Lookup func(ctx context.Context, name string) ([]netip.Addr, error)

// Resolver keeps the addresses of names current. NamesOf may be called from
// any goroutine while Run works; it is a fields.HostNames.
type Resolver struct {
	lookup Lookup
	byAddr atomic.Pointer[map[string][]string] // replaced whole, never changed

	mu      sync.Mutex
	names   map[string]map[netip.Addr]time.Time // when the address was given last
	failed  uint64
	refused uint64
	more    chan struct{} // has room for one: names were added
}

// New returns a resolver without names. A nil lookup asks the host's resolver.
func New(lookup Lookup) *Resolver {
	if lookup == nil {
		lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	return &Resolver{lookup: lookup, names: make(map[string]map[netip.Addr]time.Time), more: make(chan struct{}, 1)}
}

// Mentioned returns the host names that a condition compares with.
func Mentioned(cond filter.Node) []string {
	var names []string
	filter.Inspect(cond, func(n filter.Node) bool {
		b, ok := n.(*filter.Binary)
		if !ok {
			return true
		}
		f, ok := b.Left.(*filter.Field)
		if !ok || !fields.IsHostName(f.Name) {
			return true
		}
		filter.Inspect(b.Right, func(n filter.Node) bool {
			if v, ok := n.(*filter.Value); ok {
				names = append(names, v.Text)
			}
			return true
		})
		return true
	})
	return names
}

// Watch replaces the names that are looked up; what is known of those that
// stay is kept. Names beyond MaxNames are refused and counted.
func (r *Resolver) Watch(names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.names
	r.names = make(map[string]map[netip.Addr]time.Time, len(names))
	for _, n := range names {
		if _, ok := r.names[n]; ok {
			continue
		}
		if len(r.names) >= MaxNames {
			r.refused++
			continue
		}
		r.names[n] = old[n]
	}
	r.publish()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// Run looks the names up, again and again, until ctx ends.
func (r *Resolver) Run(ctx context.Context) {
	tick := time.NewTicker(Refresh)
	defer tick.Stop()
	for {
		r.resolveAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.more:
		}
	}
}

func (r *Resolver) resolveAll(ctx context.Context) {
	r.mu.Lock()
	names := slices.Sorted(maps.Keys(r.names))
	r.mu.Unlock()
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, n := range names {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			c, cancel := context.WithTimeout(ctx, lookupTimeout)
			defer cancel()
			addrs, err := r.lookup(c, n)
			r.learn(n, addrs, err, time.Now())
			return nil
		})
	}
	_ = g.Wait() // failures are counted where they happen
}

// learn takes in what a lookup of a name said at the time now.
func (r *Resolver) learn(name string, addrs []netip.Addr, err error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, watched := r.names[name]
	if !watched {
		return
	}
	if err != nil {
		r.failed++
	}
	if known == nil {
		known = make(map[netip.Addr]time.Time)
		r.names[name] = known
	}
	for _, a := range addrs {
		a = a.Unmap()
		if _, ok := known[a]; ok || len(known) < MaxAddrs {
			known[a] = now
		}
	}
	maps.DeleteFunc(known, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) > Keep })
	r.publish()
}

// publish makes the answers of NamesOf. The lock is held.
func (r *Resolver) publish() {
	byAddr := make(map[string][]string)
	for _, name := range slices.Sorted(maps.Keys(r.names)) {
		for a := range r.names[name] {
			key := string(a.AsSlice())
			byAddr[key] = append(byAddr[key], name)
		}
	}
	r.byAddr.Store(&byAddr)
}

// NamesOf returns the names of an address of 4 or 16 bytes in network order,
// sorted.
func (r *Resolver) NamesOf(addr string) []string {
	if m := r.byAddr.Load(); m != nil {
		return (*m)[addr]
	}
	return nil
}

// Stats tells how many lookups failed and how many names were refused.
func (r *Resolver) Stats() (failed, refused uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed, r.refused
}
