// SPDX-License-Identifier: Apache-2.0

package container

import "strings"

// pathCache remembers what paths are. It is bounded: it keeps two generations,
// and when the younger one is full the older one is forgotten.
type pathCache struct {
	young, old map[string]match
}

const (
	maxPaths = 4096 // in a generation
	// maxPath is the longest path that is looked at: that of the kernel.
	maxPath = 4096
)

func newPathCache() pathCache { return pathCache{young: make(map[string]match)} }

func (p *pathCache) get(path string, e *Engines, namespaces []string) match {
	if m, ok := p.young[path]; ok {
		return m
	}
	if len(path) > maxPath {
		return match{typ: Host}
	}
	m, ok := p.old[path]
	if !ok {
		m = identify(path, e, namespaces)
		m.id, m.fullID, m.scope = strings.Clone(m.id), strings.Clone(m.fullID), strings.Clone(m.scope)
	}
	if len(p.young) >= maxPaths {
		p.old, p.young = p.young, make(map[string]match)
	}
	p.young[strings.Clone(path)] = m // it may be part of something larger
	return m
}

// pathOf returns the path of "subsystem=path".
func pathOf(cgroup string) string {
	if _, path, ok := strings.Cut(cgroup, "="); ok {
		return path
	}
	return cgroup
}
