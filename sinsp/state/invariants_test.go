// SPDX-License-Identifier: Apache-2.0

package state

import "testing"

// checkTables checks what must always hold, whatever the events were.
func checkTables(t *testing.T, e *Engine) {
	t.Helper()
	c := e.Counters()
	if len(e.threads) != len(e.all) || uint64(len(e.all)) != c.Threads || len(e.all) > e.opts.MaxThreads {
		t.Fatalf("%d threads by id, %d in the list, %d counted", len(e.threads), len(e.all), c.Threads)
	}
	for i, th := range e.all {
		if e.threads[th.TID] != th || th.slot != i {
			t.Fatalf("thread %d is not where it should be", th.TID)
		}
		if th.fds == nil || th.args == nil || th.env == nil {
			t.Fatalf("thread %d lacks a table", th.TID)
		}
		if th.group != nil && e.groups[th.PID] != th.group {
			t.Fatalf("the group of %d is not in the table", th.TID)
		}
	}
	for i, th := range e.cache {
		if th != nil && (e.threads[th.TID] != th || uint64(th.TID)%cacheSize != uint64(i)) {
			t.Fatalf("the cache has a thread %d that is none", th.TID)
		}
	}
	checkFamilies(t, e)
	checkGroups(t, e)
	checkDescriptors(t, e)
	checkTexts(t, e)
}

// checkFamilies checks the links between parents and children, both ways.
func checkFamilies(t *testing.T, e *Engine) {
	t.Helper()
	children := 0
	for _, th := range e.all {
		n := 0
		for c, prev := th.child, (*Thread)(nil); c != nil; prev, c = c, c.sibNext {
			if n++; c.parent != th || c.sibPrev != prev || e.threads[c.TID] != c {
				t.Fatalf("%d has a child %d that is not its own", th.TID, c.TID)
			}
		}
		if n != th.nchildren {
			t.Fatalf("%d has %d children, counts %d", th.TID, n, th.nchildren)
		}
		children += n
		if th.parent != nil {
			children--
			if e.threads[th.parent.TID] != th.parent || th.parent.group == nil {
				t.Fatalf("the parent of %d is not in the table", th.TID)
			}
		}
		n = 0
		for a := th; a != nil; a = a.Parent() {
			if n++; n > len(e.all)+1 {
				t.Fatalf("the ancestors of %d do not end", th.TID)
			}
		}
	}
	if children != 0 {
		t.Fatalf("%d children more than threads with a parent", children)
	}
}

func checkGroups(t *testing.T, e *Engine) {
	t.Helper()
	members := 0
	for pid, g := range e.groups {
		count, alive := 0, 0
		for th := range g.All() {
			count++
			if !th.Dead() {
				alive++
			}
			if th.group != g || e.threads[th.TID] != th {
				t.Fatalf("group %d has a member that is not its own", pid)
			}
		}
		if count != g.count || alive != g.Alive || count == 0 {
			t.Fatalf("group %d: %d members, %d alive; counted %d and %d", pid, count, alive, g.count, g.Alive)
		}
		if g.Leader != nil && g.Leader.group != g {
			t.Fatalf("the leader of group %d is not in it", pid)
		}
		members += count
	}
	for _, th := range e.all {
		if th.group != nil {
			members--
		}
	}
	if members != 0 {
		t.Fatalf("%d members of groups more than threads with a group", members)
	}
}

func checkDescriptors(t *testing.T, e *Engine) {
	t.Helper()
	users := map[*FDTable]int{}
	slots := map[*fdSlots]map[*FDTable]bool{}
	for _, th := range append(remembered(e), e.all...) {
		users[th.fds]++
		if s := th.fds.slots; s != nil {
			if slots[s] == nil {
				slots[s] = map[*FDTable]bool{}
			}
			slots[s][th.fds] = true
		}
	}
	for table, n := range users {
		if table.refs != n {
			t.Fatalf("a table has %d users, counts %d", n, table.refs)
		}
	}
	held := 0
	for s, tables := range slots {
		if s.refs != len(tables) {
			t.Fatalf("a content has %d tables, counts %d", len(tables), s.refs)
		}
		n := 0
		for num, f := range s.dense {
			if f != nil {
				n++
				if f.Num != int64(num) {
					t.Fatalf("descriptor %d has the place of %d", f.Num, num)
				}
			}
		}
		for num, f := range s.sparse {
			n++
			if f == nil || f.Num != num || num < int64(len(s.dense)) {
				t.Fatalf("descriptor %d is in the sparse part", num)
			}
		}
		if n != s.n || n > e.opts.MaxFDs {
			t.Fatalf("a table has %d entries, counts %d", n, s.n)
		}
		held += n
	}
	c := e.Counters()
	if uint64(held) != c.FDsHeld || held > e.opts.MaxFDsTotal {
		t.Fatalf("%d descriptors are held, %d counted", held, c.FDsHeld)
	}
	if n := countFDs(e); n != c.FDs {
		t.Fatalf("%d descriptors, %d counted", n, c.FDs)
	}
}

func checkTexts(t *testing.T, e *Engine) {
	t.Helper()
	users := map[*stringList]int{}
	enters := 0
	for _, th := range e.all {
		users[th.args]++
		users[th.env]++
		if cap(th.enter) > keptEnterSize {
			enters += cap(th.enter)
		}
	}
	size := uint64(0)
	for l, n := range users {
		if l == &noStrings {
			continue
		}
		if l.users != n {
			t.Fatalf("a list has %d users, counts %d", n, l.users)
		}
		size += l.size()
	}
	if c := e.Counters(); size != c.TextBytes || size > uint64(e.opts.MaxTextBytes) {
		t.Fatalf("%d bytes of texts, %d counted", size, c.TextBytes)
	}
	if enters != e.enterBytes || enters > maxEnterBytes {
		t.Fatalf("%d bytes of remembered events, %d counted", enters, e.enterBytes)
	}
}

// remembered returns the copies of creators that wait for their children.
func remembered(e *Engine) []*Thread {
	var found []*Thread
	if e.creations != nil {
		for i := range e.creations.ring {
			if c := &e.creations.ring[i]; c.tid != 0 {
				found = append(found, &c.like)
			}
		}
	}
	return found
}
