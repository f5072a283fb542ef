// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// condition is a filter of events; nil passes all.
type condition struct {
	*program.Condition
	evtset.Result
}

func (c *condition) passes(ev *state.Event) bool { return c == nil || c.Eval(ev) }

// compile compiles a filter. It is not an error that a filter has no text.
func (s *System) compile(text string) (*condition, error) {
	if text == "" {
		return nil, nil
	}
	tree, err := filter.Parse(text)
	if err != nil {
		return nil, filterError(text, err)
	}
	c := &condition{}
	if c.Result, err = evtset.Analyze(tree); err == nil {
		err = c.UnknownName()
	}
	if err != nil {
		return nil, filterError(text, err)
	}
	var warnings []program.Warning
	if c.Condition, warnings, err = program.Compile(fields.Default(), tree); err != nil {
		return nil, filterError(text, err)
	}
	for _, w := range warnings {
		fmt.Fprintf(s.Stderr, "filter: %d:%d: %s\n", w.Pos.Line, w.Pos.Col, w.Msg)
	}
	return c, nil
}

// filterError says what is wrong with a filter, with a caret under the place.
func filterError(text string, err error) error {
	var at filter.Pos
	var syntax *filter.Error
	var sense *program.Error
	var event *evtset.Error
	hint := ""
	switch {
	case errors.As(err, &syntax):
		at = syntax.Pos
	case errors.As(err, &sense):
		at = sense.Pos
	case errors.As(err, &event):
		at = event.Pos
		if name, ok := strings.CutPrefix(event.Msg, "unknown event type "); ok {
			if meant := rules.NearestEvent(name); meant != "" {
				hint = " (did you mean " + meant + "?)"
			}
		}
	}
	return fmt.Errorf("filter: %w%s%s", err, hint, caret(text, at))
}

// caret shows a line of a text and points at a place in it.
func caret(text string, at filter.Pos) string {
	lines := strings.Split(text, "\n")
	if at.Line < 1 || at.Line > len(lines) || at.Col < 1 || at.Col > len(lines[at.Line-1])+1 {
		return ""
	}
	line := lines[at.Line-1]
	column := utf8.RuneCountInString(line[:at.Col-1])
	return "\n  " + strings.ReplaceAll(line, "\t", " ") + "\n  " + strings.Repeat(" ", column) + "^"
}
