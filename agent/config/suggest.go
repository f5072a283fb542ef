// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// removedKeys are keys that Falco had once, or has and nobody reads: what to say
// about them.
var removedKeys = map[string]string{
	"grpc":                     "removed from Falco in 0.44; use http_output or unix_output",
	"grpc_output":              "removed from Falco in 0.44; use http_output or unix_output",
	"outputs":                  "removed from Falco in 0.37; use duplicate_alerts to calm repeated alerts",
	"engine.ebpf":              "removed from Falco in 0.44; use engine.kind modern_ebpf or auto",
	"engine.gvisor":            "removed from Falco in 0.44",
	"syscall_buf_size_preset":  "removed from Falco in 0.38; use engine.modern_ebpf.buf_size_preset or engine.kmod.buf_size_preset",
	"syscall_drop_failed_exit": "removed from Falco in 0.38; use engine.modern_ebpf.drop_failed_exit or engine.kmod.drop_failed_exit",
	"modern_bpf":               "removed from Falco in 0.38; use engine.modern_ebpf.cpus_for_each_buffer",
	"metadata_download":        "removed from Falco in 0.37",
	"container_engines":        "removed from Falco in 0.41; it still works here, but better use init_config.engines of the plugin 'container'",
	"rule_files":               "nothing has ever read it; use rules_files",
}

// unknownKey tells what to say about a key path that no table entry answers
// to: "" when the key is known.
func unknownKey(key string) string {
	steps, err := parsePath(key)
	if err != nil {
		return ""
	}
	s, seen := root, ""
	for _, st := range steps {
		switch {
		case s.typ == "" && s.oneOf == nil && !s.hidden, s.open:
			return ""
		case st.kind != stepName:
			if s.items != nil {
				s = s.items
			}
			continue
		}
		if why := removedKeys[seen+st.name]; why != "" {
			return removedText(seen+st.name, "", why)
		}
		next := s.descend(st.name)
		if next == nil {
			return unknownText(key, "", s.suggestion(seen, st.name))
		}
		seen += st.name + "."
		s = next
	}
	return ""
}

func unknownText(key, at, suggestion string) string {
	return fmt.Sprintf("unknown configuration key %q%s%s", key, at, suggestion)
}

func removedText(key, at, why string) string {
	if key == "container_engines" {
		return fmt.Sprintf("configuration key %q%s is old: %s", key, at, why)
	}
	return fmt.Sprintf("configuration key %q%s is not implemented: %s", key, at, why)
}

// maxStray bounds how many stray keys of one file are told of.
const maxStray = 50

// strays tells of the keys of a file that mean nothing here, one line each.
func strays(tree *Node) []string {
	w := strayWalk{}
	w.look(tree, root, "")
	return w.lines
}

type strayWalk struct{ lines []string }

// look compares n with s; path is the key path of n with a dot at its end.
func (w *strayWalk) look(n *Node, s *Shape, path string) {
	switch {
	case len(w.lines) >= maxStray:
	case s.oneOf != nil:
		for _, alt := range s.oneOf {
			if alt.typ == "object" && n.Kind == Map || alt.typ == "array" && n.Kind == List {
				w.look(n, alt, path)
				return
			}
		}
	case s.items != nil && n.Kind == List:
		for _, item := range n.Items {
			w.look(item, s.items, path)
		}
	case s.typ == "object" && !s.open && n.Kind == Map:
		for i, key := range n.Keys {
			w.key(n.Items[i], s, key, path)
		}
	}
}

func (w *strayWalk) key(value *Node, s *Shape, key, path string) {
	at := " (" + value.KeyOrigin.String() + ")"
	child := s.child(key)
	why := removedKeys[path+key]
	switch {
	case why != "":
		w.lines = append(w.lines, removedText(path+key, at, why))
	case child == nil:
		w.lines = append(w.lines, unknownText(path+key, at, s.suggestion(path, key)))
	case !child.hidden:
		w.look(value, child, path+key+".")
	}
}

// descend finds a key below s, looking into alternatives and, for a name
// below a list (a known trick, see Assign), into the list's items.
func (s *Shape) descend(name string) *Shape {
	if c := s.child(name); c != nil {
		return c
	}
	for _, alt := range s.oneOf {
		if c := alt.descend(name); c != nil {
			return c
		}
	}
	if s.items != nil {
		return s.items.descend(name)
	}
	return nil
}

func (s *Shape) suggestion(prefix, name string) string {
	if best := nearest(name, s.names()); best != "" {
		return fmt.Sprintf("; did you mean %q?", prefix+best)
	}
	if prefix == "" { // a full path written without its block
		for i := range Keys {
			if p := Keys[i].Path; strings.HasSuffix(p, "."+name) {
				return fmt.Sprintf("; did you mean %q?", p)
			}
		}
	}
	return "; it is kept but nothing reads it"
}

func (s *Shape) hint(name string) string {
	if best := nearest(name, s.names()); best != "" {
		return fmt.Sprintf(" Did you mean %q?", best)
	}
	return ""
}

func (s *Shape) names() []string {
	var names []string
	for _, p := range s.props {
		if !p.shape.hidden {
			names = append(names, p.name)
		}
	}
	for _, alt := range s.oneOf {
		names = append(names, alt.names()...)
	}
	if s.items != nil {
		names = append(names, s.items.names()...)
	}
	return names
}

// nearest returns the candidate with the least edit distance to name, when
// that is small enough to be a slip of the finger.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", 1+max(1, len(name)/3)
	for _, c := range candidates {
		if d := distance(name, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two short texts.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
