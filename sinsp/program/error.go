// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"fmt"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Error says why a condition that is well-formed makes no sense: an unknown
// field, an operator that does not fit a type, a bad literal.
type Error struct {
	Pos  filter.Pos
	In   filter.Pos // where the check begins that Pos is in
	Msg  string     // without position and hint
	Hint string     // what was probably meant, or ""
	Err  error      // the cause, such as a *fields.UnknownFieldError, or nil
}

// Error implements error: line:column: message.
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Warning is about a condition that compiles but is probably not meant so.
type Warning struct {
	Pos filter.Pos
	Msg string
}

// inCheck notes in err where the check begins that it is about.
func inCheck(check filter.Pos, err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.In = check
	}
	return err
}

func errorAt(n filter.Node, format string, args ...any) error {
	return &Error{Pos: n.Pos(), In: n.Pos(), Msg: fmt.Sprintf(format, args...)}
}

// fieldError gives an error of the field table its place, and a hint when the
// catalog has one.
func fieldError(cat fields.Catalog, n filter.Node, err error) error {
	e := &Error{Pos: n.Pos(), Msg: err.Error(), Err: err}
	var unknown *fields.UnknownFieldError
	if s, ok := cat.(interface{ Suggest(string) string }); ok && errors.As(err, &unknown) {
		if name := s.Suggest(unknown.Name); name != "" {
			e.Hint = fmt.Sprintf("did you mean %s?", name)
		}
	}
	var arg *fields.ArgumentError
	if errors.As(err, &arg) && arg.Meant != "" {
		e.Hint = fmt.Sprintf("did you mean %s?", arg.Meant)
	}
	return e
}
