// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// stepKind is what one step of a key path does.
type stepKind uint8

const (
	stepName   stepKind = iota // .name
	stepIndex                  // [N]
	stepAppend                 // []
)

type step struct {
	kind  stepKind
	name  string
	index int
}

// KeyError is a key path that cannot be read or followed.
type KeyError struct {
	Key    string
	Reason string
}

// Error implements error.
func (e *KeyError) Error() string {
	// Not %q: backslashes in keys are the user's own escapes.
	return `Config error at key "` + e.Key + `": ` + e.Reason
}

// parsePath splits a key such as a.b[0].c[] into steps. Positions in errors
// count bytes from 0.
func parsePath(key string) ([]step, error) {
	fail := func(format string, args ...any) ([]step, error) {
		return nil, &KeyError{key, "Parsing error: " + fmt.Sprintf(format, args...)}
	}
	var steps []step
	afterDot := false // that was no part of a name
	for i := 0; i < len(key); {
		switch c := key[i]; {
		case c == '[' && len(steps) > 0:
			if afterDot || steps[len(steps)-1].kind == stepAppend {
				return fail("unexpected character at pos %d", i)
			}
			end := strings.IndexByte(key[i:], ']')
			if end < 0 {
				return fail("expected a numeric index, found '%s'", key[i+1:])
			}
			s, err := bracketStep(key[i+1 : i+end])
			if err != "" {
				return fail("%s", err)
			}
			steps = append(steps, s)
			i += end + 1
			if i < len(key) && key[i] != '.' && key[i] != '[' {
				return fail("expected '.' character at pos %d", i-1)
			}
			if afterDot = i < len(key) && key[i] == '.'; afterDot {
				i++
			}
		case c == '.' || c == '[':
			return fail("unexpected character at pos %d", i)
		default:
			name, next, err := nameStep(key, i)
			if err != "" {
				return fail("%s", err)
			}
			steps = append(steps, step{kind: stepName, name: name})
			i = next
			if afterDot = i < len(key) && key[i] == '.'; afterDot {
				i++ // a dot at the very end is allowed
			}
		}
	}
	if len(steps) == 0 {
		return fail("the key is empty")
	}
	return steps, nil
}

func bracketStep(text string) (step, string) {
	if text == "" {
		return step{kind: stepAppend}, ""
	}
	// The number at the beginning counts, whatever follows it.
	digits := strings.TrimLeft(text, " \t\n\v\f\r")
	end := 0
	for end < len(digits) && ('0' <= digits[end] && digits[end] <= '9' || end == 0 && strings.IndexByte("+-", digits[0]) >= 0) {
		end++
	}
	n, err := strconv.ParseInt(digits[:end], 10, 32)
	if err != nil {
		return step{}, fmt.Sprintf("expected a numeric index, found '%s'", text)
	}
	return step{kind: stepIndex, index: int(n)}, ""
}

// nameStep reads a name from i up to an unescaped '.' or '['.
func nameStep(key string, i int) (name string, next int, problem string) {
	var b strings.Builder
	for ; i < len(key) && key[i] != '.' && key[i] != '['; i++ {
		switch {
		case key[i] != '\\':
			b.WriteByte(key[i])
		case i+1 == len(key):
			return "", 0, fmt.Sprintf("trailing backslash at pos %d", i)
		case strings.IndexByte(`.[]\`, key[i+1]) < 0:
			return "", 0, fmt.Sprintf(`invalid escape sequence '\%c' at pos %d`, key[i+1], i)
		default:
			i++
			b.WriteByte(key[i])
		}
	}
	return b.String(), i, ""
}

// Lookup returns the value at a key path, nil when there is none.
func (n *Node) Lookup(key string) (*Node, error) {
	steps, err := parsePath(key)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		switch {
		case n == nil || n.Kind == Null:
			return nil, nil
		case s.kind == stepAppend:
			return nil, &KeyError{key, "'[]' makes a new item and cannot be read"}
		case n.Kind == Scalar:
			return nil, &KeyError{key, fmt.Sprintf("%s is a single value and has no keys below it", n.Origin)}
		case s.kind == stepIndex && n.Kind == List:
			if s.index < 0 || s.index >= len(n.Items) {
				return nil, nil
			}
			n = n.Items[s.index]
		case s.kind == stepIndex:
			n = n.Get(strconv.Itoa(s.index))
		default:
			n = n.Get(s.name)
		}
	}
	return n, nil
}

// Assign puts v at a key path, making what lies on the way. A name below a
// list turns the list into a map with numbers as keys, and so does an index
// that leaves a gap: tools rely on both.
func (n *Node) Assign(key string, v *Node) error {
	steps, err := parsePath(key)
	if err != nil {
		return err
	}
	for i, s := range steps {
		last := i == len(steps)-1
		if s.kind == stepAppend && n.Kind != List && (n.Kind != Null || n.written) {
			return &KeyError{key, "Parsing error: expected a numeric index, found ''"}
		}
		if n.Kind == Scalar {
			return &KeyError{key, fmt.Sprintf("%s is a single value and has no keys below it", n.Origin)}
		}
		var slot **Node
		switch s.kind {
		case stepName:
			slot = n.mapSlot(s.name)
		case stepIndex:
			slot = n.indexSlot(s.index)
		case stepAppend:
			n.Kind = List
			n.Items = append(n.Items, &Node{Origin: v.Origin})
			slot = &n.Items[len(n.Items)-1]
		}
		if last {
			*slot = v
			return nil
		}
		if *slot == nil {
			*slot = &Node{Origin: v.Origin}
		}
		n = *slot
	}
	return nil
}

func (n *Node) mapSlot(name string) **Node {
	if n.Kind != Map {
		n.becomeMap()
	}
	for i, k := range n.Keys {
		if k == name {
			return &n.Items[i]
		}
	}
	n.Keys = append(n.Keys, name)
	n.Items = append(n.Items, nil)
	return &n.Items[len(n.Items)-1]
}

func (n *Node) indexSlot(index int) **Node {
	switch {
	case n.Kind == Map:
		return n.mapSlot(strconv.Itoa(index))
	case index >= 0 && index < len(n.Items):
		return &n.Items[index]
	case index == len(n.Items):
		n.Kind = List
		n.Items = append(n.Items, nil)
		return &n.Items[index]
	default:
		return n.mapSlot(strconv.Itoa(index))
	}
}
