// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

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
		next := s.descend(st.name)
		if next == nil {
			return fmt.Sprintf("unknown configuration key %q%s", key, s.suggestion(seen, st.name))
		}
		seen += st.name + "."
		s = next
	}
	return ""
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
