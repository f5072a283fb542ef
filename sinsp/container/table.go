// SPDX-License-Identifier: Apache-2.0

package container

import (
	"net/netip"
	"slices"
)

// Question asks the runtimes for the details of a container.
type Question struct {
	Type   Type   // as the control group suggests
	ID     string // as the control group has it: all 64 digits, or the name
	Scope  string // containerd's namespace, where ID is a name in it
	Cgroup string // the path that it was recognized by
}

// Options of a Table. The zero value is good for a capture: all engines, and
// nobody to ask.
type Options struct {
	Engines Engines
	// Static is the one container that everything runs in; nil: see Engines.
	Static *Info
	// Ask passes a question on without blocking; false when it could not. The
	// answer comes through the mailbox. nil: there is nobody to ask.
	Ask func(Question) bool
	// Mail brings what other goroutines have learnt; nil: nothing.
	Mail *Mailbox
	Max  int // containers that are kept; 0 = DefaultMax
}

// DefaultMax is how many containers a table keeps unless told otherwise.
const DefaultMax = 4096

const (
	// maxPending is how long a question may be unanswered, in ns of event time:
	// longer than any runtime is asked, so that it only counts when an answer
	// got lost.
	maxPending = 30e9
	// firstRetry is when a runtime is asked again for a container that it did
	// not know, doubled each time up to lastRetry.
	firstRetry = 1e9
	lastRetry  = 300e9
	sweepEvery = 1e9
	// retrySweeps is how many sweeps apart the missing ones are asked for again.
	retrySweeps = 5
	// maxNamespaces bounds what a runtime may name.
	maxNamespaces = 64
)

// key finds a container. Ids of different kinds of engines are apart, and so
// are the names of different namespaces.
type key struct {
	class     Type
	scope, id string
}

// Stats are the counters of a table.
type Stats struct {
	Containers int    // known now
	Pending    int    // whose details are being asked for
	Added      uint64 // since the start
	Evicted    uint64 // forgotten for lack of room
	Removed    uint64 // forgotten because they are gone
	Asked      uint64
	AskRefused uint64 // the queue of questions was full
	Answered   uint64
	Missing    uint64 // no runtime knew them
	Unanswered uint64 // no answer came
	BadEvents  uint64 // container events that could not be read
	MailLost   uint64 // answers that found no room
}

// Table holds the containers. One goroutine owns it.
type Table struct {
	opts       Options
	stats      Stats
	byKey      map[key]*Container
	byShort    map[string]*Container // the last one with that short id
	addrs      map[netip.Addr]int    // of containers, with how many have it
	newest     *Container
	oldest     *Container
	pending    []*Container
	swept      uint64
	sweeps     int
	namespaces []string
	gen        uint64
	paths      pathCache
	static     *Container
	listeners  []func(c *Container, removed bool)
}

// NewTable returns an empty table.
func NewTable(o Options) *Table {
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	t := &Table{opts: o}
	t.Reset()
	return t
}

// Reset forgets all containers; the counters stay. Nobody is told.
func (t *Table) Reset() {
	t.byKey, t.byShort = make(map[key]*Container), make(map[string]*Container)
	t.addrs = make(map[netip.Addr]int)
	for c := t.newest; c != nil; c = c.older {
		c.gone = true
	}
	t.newest, t.oldest, t.pending = nil, nil, nil
	t.stats.Containers, t.stats.Pending = 0, 0
	t.paths = newPathCache()
	t.gen++
	if s := t.opts.Static; s != nil {
		t.static = t.Put(s, 0)
	}
}

// OnChange adds a function that the owner's goroutine calls whenever details of
// a container have arrived or changed, and when a container has been removed.
func (t *Table) OnChange(f func(c *Container, removed bool)) { t.listeners = append(t.listeners, f) }

func (t *Table) changed(c *Container, removed bool) {
	for _, f := range t.listeners {
		f(c, removed)
	}
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Pending = len(t.pending)
	if t.opts.Mail != nil {
		s.MailLost = t.opts.Mail.Dropped()
	}
	return s
}

// Generation changes when paths may belong to other containers than before.
func (t *Table) Generation() uint64 { return t.gen }

// Resolve returns the container that a thread with these cgroups
// ("subsystem=path") runs in, nil on the host: the first path that names one
// decides. Details are asked for when they are not known. now is the time of
// the event in ns. A path that was seen before costs no allocation.
func (t *Table) Resolve(cgroups []string, now uint64) *Container {
	if t.static != nil {
		return t.static
	}
	for _, cg := range cgroups {
		if m := t.paths.get(pathOf(cg), &t.opts.Engines, t.namespaces); m.id != "" {
			return t.use(t.find(m, pathOf(cg), now), now)
		}
	}
	return nil
}

// Use is Resolve for a thread of a container that was found before.
func (t *Table) Use(c *Container, now uint64) *Container {
	if c == nil || c == t.static {
		return c
	}
	if c.gone {
		m := match{typ: c.typ, id: c.ID, fullID: c.key.id, scope: c.key.scope}
		c = t.find(m, c.Cgroup, now)
	}
	return t.use(c, now)
}

func (t *Table) use(c *Container, now uint64) *Container {
	t.touch(c)
	if c.status != Known && now >= c.retry {
		t.ask(c, now)
	}
	return c
}

func (t *Table) find(m match, path string, now uint64) *Container {
	k := keyOf(m.typ, m.scope, m.fullID)
	if c := t.byKey[k]; c != nil {
		if c.Cgroup == "" {
			c.Cgroup = path // its details were there first
		}
		return c
	}
	c := &Container{ID: m.id, FullID: m.fullID, Cgroup: path, key: k, typ: m.typ}
	// Details may have come by less than the path tells (captures).
	old := t.byShort[m.id]
	if old != nil && old.key.class == k.class && old.key.scope == "" && (old.key.id == m.id || old.key.id == m.fullID) {
		c.info, c.status = old.info, old.status
		t.forget(old)
	}
	t.add(c)
	if c.info != nil {
		t.countAddr(c.info, 1)
	}
	if !m.typ.asked() && c.info == nil {
		// All there is to know is in the path.
		i := &Info{Type: m.typ, ID: m.id, FullID: m.fullID, Name: m.id, Size: -1}
		i.Finish()
		t.answer(c, i)
	}
	return c
}

func keyOf(typ Type, scope, id string) key {
	k := key{class: typ, scope: scope, id: id}
	if typ.asked() {
		k.class = Docker
	}
	if len(id) == 64 {
		k.scope = ""
	}
	return k
}

// Get returns the container with the id that container.id prints, nil when
// there is none.
func (t *Table) Get(id string) *Container { return t.byShort[id] }

// HasAddr reports whether an address is that of a container.
func (t *Table) HasAddr(a netip.Addr) bool { return t.addrs[a.Unmap()] > 0 }

// All ranges over the containers, the most recently used first. The table must
// not change meanwhile.
func (t *Table) All() func(yield func(*Container) bool) {
	return func(yield func(*Container) bool) {
		for c := t.newest; c != nil; c = c.older {
			if !yield(c) {
				return
			}
		}
	}
}

// Put takes the details of a container and returns it.
func (t *Table) Put(i *Info, now uint64) *Container {
	if i.ID == "" {
		return nil
	}
	c := t.lookup(i)
	if c == nil {
		c = &Container{ID: i.ID, FullID: i.FullID, key: keyOfInfo(i), typ: i.Type}
		t.add(c)
	}
	t.answer(c, i)
	return c
}

// lookup finds the container that i tells of, nil when there is none.
func (t *Table) lookup(i *Info) *Container {
	k := keyOfInfo(i)
	if c := t.byKey[k]; c != nil {
		return c
	}
	// By its short id, where one side knows no more.
	c := t.byShort[i.ID]
	if c == nil || (c.key.class != k.class && i.Type != Unknown) {
		return nil
	}
	if i.FullID != "" && c.key.id != c.ID && c.key.id != i.FullID {
		return nil // another one that begins alike
	}
	return c
}

func keyOfInfo(i *Info) key {
	if i.FullID != "" {
		return keyOf(i.Type, i.Scope, i.FullID)
	}
	return keyOf(i.Type, i.Scope, i.ID)
}

// answer gives c its details.
func (t *Table) answer(c *Container, i *Info) {
	if c.info != nil {
		t.countAddr(c.info, -1)
	}
	i = t.withPod(i)
	t.countAddr(i, 1)
	if i.FullID != "" {
		c.FullID = i.FullID
	}
	c.info, c.status, c.failures = i, Known, 0
	t.settle(c)
	if i.IsPodSandbox {
		t.tellPod(i)
	}
	t.changed(c, false)
}

// withPod completes i by what the sandbox of its pod has: containers of a pod
// share its network and its labels.
func (t *Table) withPod(i *Info) *Info {
	if i.IsPodSandbox || i.PodSandboxID == "" {
		return i
	}
	s := t.byKey[keyOf(CRI, "", i.PodSandboxID)]
	if s == nil || s.info == nil {
		return i
	}
	return i.withPod(s.info)
}

// tellPod completes the containers that were known before the sandbox of their
// pod.
func (t *Table) tellPod(sandbox *Info) {
	for c := t.newest; c != nil; c = c.older {
		if i := c.info; i != nil && !i.IsPodSandbox && i.PodSandboxID == sandbox.FullID {
			c.info = i.withPod(sandbox)
		}
	}
}

func (t *Table) countAddr(i *Info, n int) {
	a := i.Addr()
	if !a.IsValid() {
		return
	}
	if t.addrs[a] += n; t.addrs[a] <= 0 {
		delete(t.addrs, a)
	}
}

// settle takes c from those that wait for an answer.
func (t *Table) settle(c *Container) {
	if !c.asked {
		return
	}
	c.asked = false
	if n := slices.Index(t.pending, c); n >= 0 {
		t.pending = slices.Delete(t.pending, n, n+1)
	}
}

func (t *Table) ask(c *Container, now uint64) {
	if t.opts.Ask == nil || c.asked || !c.typ.asked() {
		return
	}
	if !t.opts.Ask(Question{Type: c.typ, ID: c.key.id, Scope: c.key.scope, Cgroup: c.Cgroup}) {
		t.stats.AskRefused++
		t.missing(c, now)
		return
	}
	t.stats.Asked++
	if c.status == Unasked {
		c.status = Pending
	}
	c.asked, c.deadline = true, now+maxPending
	t.pending = append(t.pending, c)
}

// missing notes that no details are to be had of c for now.
func (t *Table) missing(c *Container, now uint64) {
	t.settle(c)
	if c.status != Known {
		c.status = Missing
	}
	c.retry = now + min(uint64(firstRetry)<<min(c.failures, 16), lastRetry)
	c.failures++
}

// Remove forgets a container: its first process has exited, or its runtime has
// removed it. Threads that still have it keep it.
func (t *Table) Remove(c *Container) {
	if c == nil || c.gone || c == t.static {
		return
	}
	t.stats.Removed++
	t.forget(c)
	t.changed(c, true)
}

func (t *Table) add(c *Container) {
	if len(t.byKey) >= t.opts.Max {
		t.stats.Evicted++
		t.forget(t.oldest)
	}
	t.byKey[c.key] = c
	t.byShort[c.ID] = c
	t.stats.Added++
	t.stats.Containers++
	t.pushFront(c)
}

func (t *Table) forget(c *Container) {
	t.settle(c)
	if c.info != nil {
		t.countAddr(c.info, -1)
	}
	c.gone = true
	delete(t.byKey, c.key)
	if t.byShort[c.ID] == c {
		delete(t.byShort, c.ID)
	}
	t.stats.Containers--
	t.unlink(c)
}

// touch makes c the most recently used one.
func (t *Table) touch(c *Container) {
	if t.newest != c {
		t.unlink(c)
		t.pushFront(c)
	}
}

func (t *Table) pushFront(c *Container) {
	c.newer, c.older = nil, t.newest
	if t.newest != nil {
		t.newest.newer = c
	} else {
		t.oldest = c
	}
	t.newest = c
}

func (t *Table) unlink(c *Container) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		t.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		t.oldest = c.newer
	}
	c.newer, c.older = nil, nil
}

// Poll takes what other goroutines have learnt, and gives up questions without
// an answer. It is called between events; when there is nothing, it costs one
// atomic load.
func (t *Table) Poll(now uint64) {
	if t.opts.Mail != nil && !t.opts.Mail.Empty() {
		for _, u := range t.opts.Mail.take() {
			t.take(&u, now)
		}
	}
	if now-t.swept < sweepEvery && now >= t.swept {
		return
	}
	t.swept = now
	if t.sweeps++; t.sweeps%retrySweeps == 0 && t.opts.Ask != nil {
		t.askAgain(now)
	}
	if len(t.pending) > 0 {
		for _, c := range slices.Clone(t.pending) {
			if c.deadline <= maxPending { // asked before the first event
				c.deadline = now + maxPending
			}
			if now >= c.deadline {
				t.stats.Unanswered++
				t.missing(c, now)
			}
		}
	}
}

// askAgain asks for the details of containers that no runtime knew before: it
// may have been started since, or was slower than the container.
func (t *Table) askAgain(now uint64) {
	for c := t.newest; c != nil; c = c.older {
		if c.status == Missing && now >= c.retry {
			t.ask(c, now)
		}
	}
}

func (t *Table) take(u *Update, now uint64) {
	switch {
	case u.Info != nil:
		t.stats.Answered++
		t.Put(u.Info, now)
	case u.Removed.ID != "":
		if c := t.byKey[keyOf(u.Removed.Type, u.Removed.Scope, u.Removed.ID)]; c != nil {
			t.Remove(c)
		}
	case u.Missing.ID != "":
		t.stats.Missing++
		if c := t.byKey[keyOf(u.Missing.Type, u.Missing.Scope, u.Missing.ID)]; c != nil {
			t.missing(c, now)
		}
	case u.Namespaces != nil:
		t.setNamespaces(u.Namespaces)
	}
}

func (t *Table) setNamespaces(ns []string) {
	ns = slices.Clone(ns[:min(len(ns), maxNamespaces)])
	slices.Sort(ns)
	if slices.Equal(ns, t.namespaces) {
		return
	}
	t.namespaces = ns
	t.paths = newPathCache()
	t.gen++
}
