// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/tiercel/tiercel/scap"

// Event is an event together with what the engine knows about it. It is
// reused for every event of an engine and borrowed from it: it and everything
// it points to are valid until the next call of Process.
type Event struct {
	*scap.Event
	Engine *Engine // whose tables the pointers belong to
	Num    uint64  // from 1, within the run
	// Thread is the thread that made the event; nil when there is none. What
	// is not certain of it, its Doubt says.
	Thread *Thread
	// FD is the descriptor that the event works on or creates, after the event
	// was applied; nil when there is none or it is not known. A closed
	// descriptor is still there during its own event.
	FD    *FD
	FDNum int64 // its number, -1 when there is none
	// OldName is the name of FD before the event, where FD existed before.
	OldName string
	Enter   *scap.Event // the remembered enter event of this exit event, or nil
	ErrNo   int64       // -result of a failed exit event, else 0
	// LostBefore is how many events of the whole host were lost since the
	// former event of Thread; 0 when none is known to be.
	LostBefore uint64
	// FirstTS is the time of the first event of the run, PrevTS of the event
	// before this one, its own for the first; ns since the epoch. Events that
	// are there for the model only do not count.
	FirstTS, PrevTS uint64

	// Arena is scratch for text that is built while the event is looked at. The
	// engine empties it for each event and keeps its capacity.
	Arena []byte

	hadFD bool // FD existed before the event
}

// FDNameChanged reports whether the event changed the name of a descriptor
// that existed before.
func (ev *Event) FDNameChanged() bool {
	return ev.hadFD && ev.FD != nil && ev.FD.Name != ev.OldName
}
