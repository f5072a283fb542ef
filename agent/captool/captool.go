// SPDX-License-Identifier: Apache-2.0

// Package captool is what the capture commands do: it records the events of
// this host to files, prints them, and says what a file holds.
package captool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// System is the outside world of a command.
type System struct {
	Stdout  io.Writer
	Stderr  io.Writer
	Signals <-chan os.Signal
	Open    func(kind string, o drivers.Options) (scap.Driver, error)
	State   state.Options // of this host
	// Containers says how the runtimes of this host are asked while it is
	// recorded; nil: as by default.
	Containers *container.Config
}

// ended reports whether a signal asks to end.
func (s *System) ended() bool {
	for {
		select {
		case sig := <-s.Signals:
			if sig == syscall.SIGINT || sig == syscall.SIGTERM {
				return true
			}
		default:
			return false
		}
	}
}

// gone reports whether a write failed because nobody reads any more, as in
// `| head`: that is how much was wanted.
func gone(err error) bool { return errors.Is(err, syscall.EPIPE) }

// condition is a filter of events; nil passes all.
type condition struct {
	*program.Condition
	evtset.Result
}

// compile compiles a filter. It is not an error that a filter has no text.
func (s *System) compile(text string) (*condition, error) {
	if text == "" {
		return nil, nil
	}
	tree, err := filter.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	c := &condition{}
	if c.Result, err = evtset.Analyze(tree); err == nil {
		err = c.UnknownName()
	}
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	var warnings []program.Warning
	if c.Condition, warnings, err = program.Compile(fields.Default(), tree); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	for _, w := range warnings {
		fmt.Fprintf(s.Stderr, "filter: %d:%d: %s\n", w.Pos.Line, w.Pos.Col, w.Msg)
	}
	return c, nil
}

func (c *condition) passes(ev *state.Event) bool { return c == nil || c.Eval(ev) }
