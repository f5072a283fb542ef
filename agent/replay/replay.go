// SPDX-License-Identifier: Apache-2.0

// Package replay plays captures: their tables and events go to a model of the
// host that they come from, and this host is never asked.
package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Player is a capture that is being played. It is a scap.Source.
type Player struct {
	*capture.Reader
	Path    string
	primed  bool
	section int
	enters  bool
}

// OpenError says that a file cannot be read as a capture. Its text is what
// users of the reference know.
type OpenError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *OpenError) Error() string {
	return fmt.Sprintf("Could not open trace filename %s for reading: %s", e.Path, reason(e.Err))
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// reason leaves out what an error of the file system repeats, and has the C
// library's words for the rest.
func reason(err error) string {
	var p *fs.PathError
	var c *capture.Error
	switch {
	case errors.As(err, &c):
		return c.Error()
	case !errors.As(err, &p):
		return err.Error()
	case p.Err == syscall.ENOENT:
		return "No such file or directory"
	case p.Err == syscall.EACCES:
		return "Permission denied"
	}
	return p.Err.Error()
}

// Open opens a capture and reads its tables. The error is an *OpenError.
func Open(path string) (*Player, error) {
	r, err := capture.Open(path, capture.Options{})
	if err != nil {
		return nil, &OpenError{path, err}
	}
	return &Player{Reader: r, Path: path}, nil
}

// NewEngine returns the model for captures: it asks nothing of this host.
func NewEngine(maxThreads int) *state.Engine {
	return state.New(state.Options{MaxThreads: maxThreads})
}

// Sync has to be called after every Next, before the events go to the model:
// where another capture begins in the file, the model begins anew.
func (p *Player) Sync(e *state.Engine) {
	if s := p.Section(); !p.primed || s != p.section {
		p.primed, p.section = true, s
		p.enters = p.Info().EnterEvents
		e.HideEnter(!p.enters)
		e.PrimeFrom(p.Tables())
	}
}

// Shows reports whether an event is to be looked at by rules and readers. The
// others are there for the model only: what the filter of the recording left
// out, and the beginnings of calls, unless the capture was made to have them.
func (p *Player) Shows(ev *scap.Event) bool {
	if ev.Flags&capture.FlagFiltered != 0 {
		return false
	}
	if p.enters || !ev.Type().IsEnter() {
		return true
	}
	info := ev.Info()
	return info == nil || info.Class != scap.ClassSyscall
}

// CheckSource refuses an event that no known source has made: those of
// plugins, which cannot be loaded yet.
func CheckSource(ev *scap.Event) error {
	if ev.Type() != scap.EvPlugineventE {
		return nil
	}
	id, _ := ev.Uint(0)
	//lint:ignore ST1005 the reference's words
	return fmt.Errorf("Unknown event source for inspector's event (plugin ID: %d)", id)
}
