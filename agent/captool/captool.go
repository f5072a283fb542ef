// SPDX-License-Identifier: Apache-2.0

// Package captool is what the capture commands do: it records the events of
// this host to files, prints them, and says what a file holds.
package captool

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
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
