// SPDX-License-Identifier: Apache-2.0

package program

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/sinsp/filter/glob"
)

// pathTree finds out whether one of many paths is a prefix of another path by
// whole components. Slashes at the ends and repeated ones do not count.
type pathTree struct {
	whole bool // a path ends here: whatever follows matches
	dirs  map[string]*pathTree
	globs []globDir // the latest added comes first
}

type globDir struct {
	pattern string
	below   *pathTree
}

func newPathTree(paths []string) *pathTree {
	t := &pathTree{}
	for _, p := range paths {
		t.add(p)
	}
	return t
}

// add puts a path into the tree. A longer path below a shorter one is of no
// consequence, so it is dropped.
func (t *pathTree) add(path string) {
	for !t.whole {
		var name string
		if name, path = component(path); name == "" {
			*t = pathTree{whole: true}
			return
		}
		last, _ := component(path)
		t = t.below(name, last == "")
	}
}

// below returns the subtree of a component, which it makes if need be. When a
// path ends there it makes a new one: that glob counts as added last.
func (t *pathTree) below(name string, ends bool) *pathTree {
	if !strings.ContainsAny(name, "?*[") {
		sub := t.dirs[name]
		if sub == nil {
			if t.dirs == nil {
				t.dirs = make(map[string]*pathTree)
			}
			sub = &pathTree{}
			t.dirs[name] = sub
		}
		return sub
	}
	i := slices.IndexFunc(t.globs, func(g globDir) bool { return g.pattern == name })
	if i >= 0 && !ends {
		return t.globs[i].below
	}
	if i >= 0 {
		t.globs = slices.Delete(t.globs, i, i+1)
	}
	sub := &pathTree{}
	t.globs = slices.Insert(t.globs, 0, globDir{name, sub})
	return sub
}

// match reports whether a path of the tree is a prefix of path.
//
// The reference advances its position with every glob that matches at a
// level, even when the subtree then fails, so that further globs of the level
// are compared with a later component. Rules were written and tested against
// that; it is kept.
func (t *pathTree) match(path string) bool {
	if t.whole {
		return true
	}
	name, rest := component(path)
	if name == "" {
		return false
	}
	if sub := t.dirs[name]; sub != nil && sub.match(rest) {
		return true
	}
	for i := range t.globs {
		g := &t.globs[i]
		if !glob.Match(g.pattern, name) {
			continue
		}
		if g.below.match(rest) {
			return true
		}
		if name, rest = component(rest); name == "" {
			return false
		}
	}
	return false
}

// component returns the first component of a path, "" when it has none, and
// what follows.
func component(path string) (name, rest string) {
	i := 0
	for i < len(path) && path[i] == '/' {
		i++
	}
	path = path[i:]
	if end := strings.IndexByte(path, '/'); end >= 0 {
		return path[:end], path[end:]
	}
	return path, ""
}
