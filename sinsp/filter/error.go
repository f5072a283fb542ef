// SPDX-License-Identifier: Apache-2.0

package filter

import "fmt"

// Error says where and why a text is not a condition. Pos is the place up to
// which the text could be read, so that a caret under it points at the first
// character that cannot be.
type Error struct {
	Pos Pos
	Msg string // without the position
}

// Error implements error: line:column: message.
func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
}
