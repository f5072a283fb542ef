// SPDX-License-Identifier: Apache-2.0

package state

// Stats are the engine's counters since it was made, and the sizes of its
// tables now.
type Stats struct {
	Events uint64

	Threads        uint64 // in the table now
	ThreadsAdded   uint64
	ThreadsRemoved uint64
	ThreadsEvicted uint64 // forgotten because their process is gone or to make room
	ThreadsRefused uint64 // not added because the table was full

	FDs        uint64 // in all tables now
	FDsAdded   uint64
	FDsRemoved uint64
	FDsEvicted uint64 // forgotten because their table was full

	Lookups       uint64 // threads asked for in /proc
	LookupsFailed uint64 // of these, not found
	LookupsDenied uint64 // not asked for because of the limit
	FDLookups     uint64 // descriptors asked for in /proc
	Placeholders  uint64 // threads added of which nothing was known

	EnterStored  uint64 // enter events remembered
	EnterUsed    uint64 // of these, used by their exit event
	EnterDropped uint64 // of these, overtaken by another event of the thread
	Losses       uint64 // calls of Engine.Lost
	ParentLoops  uint64 // links to a parent refused because they closed a loop
}

// Stats returns the counters.
func (e *Engine) Stats() Stats { return e.stats }
