// SPDX-License-Identifier: Apache-2.0

package filter

import "fmt"

// Error says where and why a text is not a condition. Pos is the place up to
// which the text could be read, so that a caret under it points at the first
// character that cannot be.
type Error struct {
	Pos  Pos
	Msg  string // without the position, in the words that tools know
	Hint string // what was probably meant, or ""

	wanted expectation
}

// Error implements error: line:column: message (hint).
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}
