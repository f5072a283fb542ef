// SPDX-License-Identifier: Apache-2.0

package state

// stringList is a list of strings and the same joined by blanks. Threads share
// it; nobody changes it but for the count of those that do.
type stringList struct {
	items  []string
	line   string
	users  int // threads of the table
	copies int // of the line in memory
}

var noStrings stringList

// size returns about how many bytes the list keeps in memory.
func (l *stringList) size() uint64 {
	const header = 16 // of a string
	return uint64(l.copies*len(l.line) + header*len(l.items))
}

// setArgs gives t its arguments, without the lines that follow from them.
func (e *Engine) setArgs(t *Thread, l *stringList) {
	if t.slot >= 0 && !e.useTexts(t, l, &e.counters.ArgsRefused) {
		l = &noStrings
	}
	e.releaseTexts(t, t.args)
	t.args, t.Args, t.ArgLine = l, l.items, l.line
}

// setEnv gives t its environment.
func (e *Engine) setEnv(t *Thread, l *stringList) {
	if t.slot >= 0 && !e.useTexts(t, l, &e.counters.EnvsRefused) {
		l = &noStrings
	}
	e.releaseTexts(t, t.env)
	t.env, t.Env, t.EnvLine = l, l.items, l.line
}

// holdTexts counts what a thread brings that comes into the table.
func (e *Engine) holdTexts(t *Thread) {
	if !e.useTexts(t, t.args, &e.counters.ArgsRefused) {
		t.args, t.Args, t.ArgLine = &noStrings, nil, ""
		t.Cmdline, t.ExeLine = t.Comm, t.Exe
	}
	if !e.useTexts(t, t.env, &e.counters.EnvsRefused) {
		t.env, t.Env, t.EnvLine = &noStrings, nil, ""
	}
}

// maxShed is how many environments give way to one event's texts at most.
const maxShed = 16

// useTexts counts a use of l by t; it reports whether there was room. To make
// room, processes that have been idle for long lose their environment.
func (e *Engine) useTexts(t *Thread, l *stringList, refused *uint64) bool {
	if l == &noStrings {
		return true
	}
	if l.users == 0 {
		size := l.size()
		for n := 0; e.counters.TextBytes+size > uint64(e.opts.MaxTextBytes); n++ {
			if n == maxShed || !e.shedEnv(t) {
				*refused++
				return false
			}
		}
		e.counters.TextBytes += size
	}
	l.users++
	return true
}

// releaseTexts ends the use of l by t.
func (e *Engine) releaseTexts(t *Thread, l *stringList) {
	if t.slot < 0 || l == &noStrings {
		return
	}
	if l.users--; l.users == 0 {
		e.counters.TextBytes -= l.size()
	}
}

// shedEnv forgets the environment of a thread that has had no events for long.
func (e *Engine) shedEnv(keep *Thread) bool {
	var victim *Thread
	for range min(roomAttempts, len(e.all)) {
		e.hand = (e.hand + 1) % len(e.all)
		t := e.all[e.hand]
		if t == keep || t.env == &noStrings || t.env.users > 1 || e.protected(t) {
			continue // one that others share would make no room
		}
		if victim == nil || e.idle(t.accessTS) > e.idle(victim.accessTS) {
			victim = t
		}
	}
	if victim == nil {
		return false
	}
	e.setEnv(victim, &noStrings)
	e.counters.EnvsEvicted++
	return true
}
