// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercel/tiercel/sinsp/container"
)

const (
	workers = 2
	// scanEvery is how often sockets are looked for.
	scanEvery = 5 * time.Second
	// unknownAge is how long a runtime is not asked again for what it did not
	// know.
	unknownAge = 2 * time.Second
	maxUnknown = 1024
)

// retries are the pauses before a runtime is asked again for a container that
// it does not know: its first process may run before the runtime has noted it.
var retries = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 800 * time.Millisecond}

// Stats count what was asked; any goroutine may read them.
type Stats struct {
	Sockets  int    // that are there now
	Failing  int    // of those, how many do not answer
	Asked    uint64 // questions that were taken
	Dropped  uint64 // questions that found the queue full
	Answered uint64
	Unknown  uint64 // questions without an answer
	Failed   uint64 // requests that failed or took too long
}

// Runtimes asks all runtimes of a host.
type Runtimes struct {
	// Notify is told when a socket begins to answer (nil) or to fail, from any
	// goroutine. It is set before Start; nil: nobody is told.
	Notify func(path string, err error)

	cfg  container.Config
	root string
	mail *container.Mailbox

	queue    chan ask
	delayed  atomic.Int64 // questions that wait for their next try
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	open     func(place, *container.Config) (*socket, error) // replaced by tests
	mu       sync.Mutex
	sockets  []*socket                        // guarded by mu
	unknown  map[container.Question]time.Time // guarded by mu
	names    map[string][]string              // namespaces by socket; guarded by mu
	asked    atomic.Uint64
	dropped  atomic.Uint64
	answered atomic.Uint64
	missed   atomic.Uint64
	failures atomic.Uint64
}

// ask is a question on its way.
type ask struct {
	container.Question
	tries int
	news  bool // a runtime has told of it; nobody waits for an answer
}

// New returns what asks the runtimes whose sockets are below root (empty: /)
// and puts the answers into mail. Nothing is asked before Start.
func New(cfg container.Config, root string, mail *container.Mailbox) *Runtimes {
	if root == "" {
		root = "/"
	}
	def := container.DefaultConfig()
	if cfg.Queue <= 0 {
		cfg.Queue = def.Queue
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = def.Timeout
	}
	if cfg.Max <= 0 {
		cfg.Max = def.Max
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Runtimes{
		cfg: cfg, root: root, mail: mail, queue: make(chan ask, cfg.Queue), ctx: ctx, cancel: cancel, open: open,
		unknown: make(map[container.Question]time.Time), names: make(map[string][]string),
	}
}

// Start looks for sockets and begins to follow them.
func (r *Runtimes) Start() {
	if r.cfg.Engines.Static.Enabled {
		return // there is nothing to ask
	}
	r.scan()
	for range workers {
		r.run(r.work)
	}
	r.run(func() {
		for r.sleep(scanEvery) {
			r.scan()
		}
	})
}

// Close ends everything and waits for it. Questions that wait are forgotten.
func (r *Runtimes) Close() {
	r.cancel()
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sockets {
		s.client.Close()
	}
	r.sockets = nil
}

// run starts a goroutine that ends when the context does.
func (r *Runtimes) run(f func()) {
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		f()
	}()
}

// sleep reports false when everything ends.
func (r *Runtimes) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// Ask takes a question; false when the queue is full. It never blocks.
func (r *Runtimes) Ask(q container.Question) bool { return r.push(ask{Question: q}) }

func (r *Runtimes) push(a ask) bool {
	select {
	case r.queue <- a:
		r.asked.Add(1)
		return true
	default:
		r.dropped.Add(1)
		return false
	}
}

// Stats returns the counters.
func (r *Runtimes) Stats() Stats {
	s := Stats{
		Asked: r.asked.Load(), Dropped: r.dropped.Load(), Answered: r.answered.Load(),
		Unknown: r.missed.Load(), Failed: r.failures.Load(),
	}
	for _, k := range r.all() {
		s.Sockets++
		if k.paused() > 0 {
			s.Failing++
		}
	}
	return s
}

func (r *Runtimes) all() []*socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sockets)
}

// scan opens the sockets that are new, and forgets those that are gone.
func (r *Runtimes) scan() {
	there := places(&r.cfg, r.root)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sockets = slices.DeleteFunc(r.sockets, func(s *socket) bool {
		gone := !slices.Contains(there, s.place)
		if gone {
			s.client.Close() // ends what follows it
		}
		return gone
	})
	for _, p := range there {
		if slices.ContainsFunc(r.sockets, func(s *socket) bool { return s.place == p }) {
			continue
		}
		s, err := r.open(p, &r.cfg)
		if err != nil {
			r.notify(p.path, err)
			continue
		}
		r.sockets = append(r.sockets, s)
		if p.uid == 0 {
			r.run(func() { r.follow(s) })
		}
	}
}

func (r *Runtimes) notify(path string, err error) {
	if r.Notify != nil {
		r.Notify(path, err)
	}
}

func (r *Runtimes) succeed(s *socket) {
	if s.worked() {
		r.notify(s.path, nil)
	}
}

func (r *Runtimes) fail(s *socket, err error) {
	if r.ctx.Err() != nil {
		return // it is us who ended it
	}
	r.failures.Add(1)
	if s.failed(err) {
		r.notify(s.path, err)
	}
}

// work answers questions until everything ends.
func (r *Runtimes) work() {
	for {
		select {
		case a := <-r.queue:
			r.answer(a)
		case <-r.ctx.Done():
			return
		}
	}
}

// answer asks the sockets that may know, one after the other.
func (r *Runtimes) answer(a ask) {
	if !a.news && a.tries == 0 && r.isUnknown(a.Question) {
		r.miss(a)
		return
	}
	asked := false
	for _, s := range r.candidates(&a.Question) {
		if s.paused() > 0 {
			continue
		}
		i, err := r.inspect(s, a.Question)
		switch {
		case err == nil:
			r.deliver(i, &a.Question)
			return
		case errors.Is(err, container.ErrUnknown):
			asked = true
		}
	}
	if asked && r.later(a) {
		return
	}
	r.miss(a)
}

// inspect asks one socket, and checks that the answer is about the question.
func (r *Runtimes) inspect(s *socket, q container.Question) (*container.Info, error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	i, err := s.client.Inspect(ctx, q)
	if err == nil && !answers(i, &q) {
		err = errors.New("the answer is about another container")
	}
	if err == nil || errors.Is(err, container.ErrUnknown) {
		r.succeed(s)
		return i, err
	}
	r.fail(s, err)
	return nil, err
}

// answers reports whether i is about the container of q. Runtimes take names
// and beginnings of ids as well.
func answers(i *container.Info, q *container.Question) bool {
	return i != nil && i.FullID == q.ID && (q.Scope == "" || i.Scope == "" || i.Scope == q.Scope)
}

func (r *Runtimes) deliver(i *container.Info, q *container.Question) {
	r.answered.Add(1)
	r.mu.Lock()
	delete(r.unknown, *q)
	r.mu.Unlock()
	r.mail.Put(container.Update{Info: i})
}

// later asks again after a while; false when that was done often enough.
func (r *Runtimes) later(a ask) bool {
	if a.tries >= len(retries) || r.delayed.Load() >= int64(r.cfg.Queue) {
		return false
	}
	pause := retries[a.tries]
	a.tries++
	r.delayed.Add(1)
	r.run(func() {
		defer r.delayed.Add(-1)
		if r.sleep(pause) && !r.push(a) {
			r.miss(a)
		}
	})
	return true
}

func (r *Runtimes) miss(a ask) {
	r.missed.Add(1)
	if a.news {
		return
	}
	r.mu.Lock()
	if len(r.unknown) >= maxUnknown {
		clear(r.unknown)
	}
	r.unknown[a.Question] = time.Now().Add(unknownAge)
	r.mu.Unlock()
	r.mail.Put(container.Update{Missing: a.Question})
}

func (r *Runtimes) isUnknown(q container.Question) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.unknown[q]
	return ok && time.Now().Before(until)
}

// ways are the kinds of sockets that may know a container, the likely one
// first. A group that is named by nothing but an id says little.
var ways = map[container.Type][]container.Type{
	container.Docker:     {container.Docker, container.CRI, container.Podman, container.Containerd},
	container.Podman:     {container.Podman},
	container.CRI:        {container.CRI, container.Docker, container.Containerd},
	container.CRIO:       {container.CRI},
	container.Containerd: {container.Containerd, container.Docker},
}

// candidates are the sockets that may know the container of q. What containerd
// itself says of a container of Kubernetes is less than the CRI says, and is
// there earlier: it only counts where nobody speaks for the CRI.
func (r *Runtimes) candidates(q *container.Question) []*socket {
	all := r.all()
	var l []*socket
	for _, kind := range ways[q.Type] {
		if kind == container.Containerd && q.Type == container.CRI && slices.ContainsFunc(l, func(s *socket) bool { return s.kind == container.CRI && s.paused() == 0 }) {
			continue
		}
		for _, s := range all {
			if s.kind == kind && s.mayTell(q) {
				l = append(l, s)
			}
		}
	}
	return l
}
