// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/tiercel/tiercel/scap"

// Event is an event together with what the engine knows about it. It is
// reused for every event of an engine and borrowed from it.
type Event struct {
	*scap.Event
	Num    uint64      // from 1, within the run
	Engine *Engine     // whose tables the pointers belong to
	Thread *Thread     // nil when the event has none
	FD     *FD         // the descriptor that the event works on, nil when it has none
	FDNum  int64       // its number, -1 when there is none
	Enter  *scap.Event // the remembered enter event of this exit event, or nil
	ErrNo  int64       // -result for a failed exit event, else 0

	Arena []byte // scratch for text built while the event is looked at
}
