// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"strings"

	"github.com/tiercel/tiercel/sinsp/container"
)

// interner keeps one copy of values that repeat, found by the bytes that they
// were made from. It is bounded: it keeps two generations, and when the younger
// one is full the older one is forgotten. What is still asked for moves on.
type interner[V any] struct {
	young, old map[string]V
	bytes      int // of keys in young
	limit      int // bytes of keys in a generation
	oldBytes   int
	turns      uint64 // generations forgotten
}

func newInterner[V any](limit int) interner[V] {
	return interner[V]{young: make(map[string]V), limit: limit}
}

// get returns the value made from b. make is called with an owned copy of b the
// first time.
func (in *interner[V]) get(b []byte, make func(key string) V) V {
	if v, ok := in.young[string(b)]; ok {
		return v
	}
	v, ok := in.old[string(b)]
	key := string(b)
	if !ok {
		v = make(key)
	}
	in.keep(key, v)
	return v
}

// size returns about how many bytes the interner itself holds.
func (in *interner[V]) size() int { return in.bytes + in.oldBytes }

const entryOverhead = 64 // what a map entry costs beside its key, roughly

func (in *interner[V]) keep(key string, v V) {
	if in.bytes += len(key) + entryOverhead; in.bytes > in.limit {
		in.oldBytes = in.bytes - len(key) - entryOverhead
		if in.old != nil {
			in.turns++
		}
		in.old, in.young = in.young, make(map[string]V)
		in.bytes = len(key) + entryOverhead
	}
	in.young[key] = v
}

// Limits of the interners in bytes of keys and generation. Commands, paths and
// argument lists of a busy host fit; a flood of distinct ones costs no more.
const (
	internText    = 1 << 20
	internLists   = 1 << 20 // one for arguments, one for environments
	internCgroups = 256 << 10
)

// cgroupSet is a thread's cgroups and what follows from them.
type cgroupSet struct {
	items  []string
	box    *container.Container // that the paths name; nil on the host
	boxGen uint64               // of the table of containers that said so
}

func identity(s string) string { return s }

// text returns an owned copy of b.
func (e *Engine) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > maxPath {
		return string(b)
	}
	return e.texts.get(b, identity)
}

// string returns an owned copy of a borrowed string.
func (e *Engine) string(s string) string {
	if s == "" {
		return ""
	}
	if v, ok := e.texts.young[s]; ok {
		return v
	}
	return e.text([]byte(s))
}

// argList returns the arguments in b, NUL-terminated; envList the variables.
func (e *Engine) argList(b []byte) *stringList {
	if len(b) == 0 {
		return &noStrings
	}
	return e.args.get(b, makeArgs)
}

func (e *Engine) envList(b []byte) *stringList {
	if len(b) == 0 {
		return &noStrings
	}
	return e.envs.get(b, makeList)
}

// makeArgs makes a list that stands in two more lines, which begin with the
// command and with argv[0].
func makeArgs(raw string) *stringList {
	l := makeList(raw)
	l.copies = 3
	return l
}

// makeList splits raw at its NULs. The items are parts of the line, which has
// blanks there; so raw can go when the interner forgets it.
func makeList(raw string) *stringList {
	raw = strings.TrimSuffix(raw, "\x00")
	l := &stringList{line: strings.ReplaceAll(raw, "\x00", " "), copies: 1}
	l.items = make([]string, 0, strings.Count(raw, "\x00")+1)
	for from := 0; from <= len(raw); {
		to := strings.IndexByte(raw[from:], 0)
		if to < 0 {
			to = len(raw) - from
		}
		l.items = append(l.items, l.line[from:from+to])
		from += to + 1
	}
	return l
}

// cgroups returns the cgroups in b ("subsystem=path", NUL-terminated).
func (e *Engine) cgroups(b []byte) *cgroupSet {
	if len(b) == 0 {
		return &hostCgroups
	}
	return e.cgroupSets.get(b, func(raw string) *cgroupSet {
		s := &cgroupSet{items: makeList(raw).items}
		for i, c := range s.items {
			s.items[i] = normalCgroup(c)
		}
		return s
	})
}

var hostCgroups cgroupSet

// normalCgroup gives the controller of "controller=path" the name of the
// capture format, which is that of the first versions of cgroups.
func normalCgroup(c string) string {
	sub, path, ok := strings.Cut(c, "=")
	if !ok {
		return c
	}
	name := strings.TrimSuffix(sub, "_cgroup")
	switch name {
	case "perf":
		name = "perf_event"
	case "mem":
		name = "memory"
	case "io":
		name = "blkio"
	}
	if name == sub {
		return c
	}
	return name + "=" + path
}

// cText cuts b at its first NUL.
func cText(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
