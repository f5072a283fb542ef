// SPDX-License-Identifier: Apache-2.0

package state

// Counters are what an engine counted since it was made, and, where a comment
// says "now", the sizes of its tables. The names that Falco's metrics have for
// them stand in brackets.
type Counters struct {
	Events uint64 // handed to Process

	// Bad input. Such events are applied as far as they make sense.
	LateEvents      uint64 // older than the event before
	DuplicateEvents uint64 // of the same time and type as the thread's former one
	AbsurdEvents    uint64 // with a thread, process or descriptor number that no kernel hands out

	// Threads.
	Threads         uint64 // now [n_threads]
	Processes       uint64 // now, those included of which not all threads are known
	ThreadsAdded    uint64 // [n_added_threads]
	ThreadsRemoved  uint64 // for any reason [n_removed_threads]
	ThreadsStale    uint64 // of these, found out of date when their id was used again
	ThreadsGone     uint64 // of these, without events for long, and their process does not exist any more
	ThreadsEvicted  uint64 // of these, forgotten to make room
	ThreadsRefused  uint64 // not added because the table was full [n_drops_full_threadtable]
	ThreadCacheHits uint64 // searches that the cache answered [n_cached_thread_lookups]
	ThreadMapHits   uint64 // searches that the table answered [n_noncached_thread_lookups]
	ThreadMisses    uint64 // searches for a thread that is not in the table [n_failed_thread_lookups]
	Placeholders    uint64 // threads added of which nothing but the id was known
	ParentLoops     uint64 // links to a parent refused because they closed a loop

	// Descriptors.
	FDs             uint64 // now, as the processes see them [n_fds]
	FDsHeld         uint64 // now, in memory: processes made by fork share them
	FDsAdded        uint64 // [n_added_fds]
	FDsRemoved      uint64 // closed, or replaced by /proc [n_removed_fds]
	FDsEvicted      uint64 // forgotten because their process had too many
	FDsEvictedTotal uint64 // forgotten because all processes together had too many
	FDCacheHits     uint64 // events on the descriptor that the thread used before, too [n_cached_fd_lookups]
	FDHits          uint64 // events on another known descriptor [n_noncached_fd_lookups]
	FDMisses        uint64 // events on a descriptor that is not known [n_failed_fd_lookups]

	// Texts: arguments and environments.
	TextBytes    uint64 // now, held by the threads
	InternBytes  uint64 // now, held to share repeated texts; about
	InternTurns  uint64 // generations of shared texts that were forgotten
	EnvsEvicted  uint64 // environments of idle processes forgotten to make room
	EnvsRefused  uint64 // environments not kept because there was no room
	ArgsRefused  uint64 // arguments not kept because there was no room
	AccountsGone uint64 // users and groups of a container forgotten to make room

	// Doubt, and questions to /proc.
	Losses        uint64 // calls of Lost
	LostEvents    uint64 // that these told of
	Heals         uint64 // processes read again after a loss
	HealsDenied   uint64 // processes that should have been, but for the limit; counted each time
	Lookups       uint64 // unknown threads asked for
	LookupsFailed uint64 // of these, not found
	LookupsDenied uint64 // threads and descriptors not asked for because of the limit
	FDLookups     uint64 // descriptors asked for
	EnvLookups    uint64 // large environments asked for

	// Beginnings of calls that wait for their end.
	EnterStored  uint64 // [n_stored_evts]
	EnterTooBig  uint64 // not stored [n_store_evts_drops]
	EnterUsed    uint64 // used by their exit event [n_retrieved_evts]
	EnterDropped uint64 // overtaken by another event of the thread [n_retrieve_evts_drops]
}

// Counters returns the counters. Like all of the engine it is for its owner.
func (e *Engine) Counters() Counters {
	c := e.counters
	c.Processes = uint64(len(e.groups))
	c.InternBytes = uint64(e.texts.size() + e.args.size() + e.envs.size() + e.cgroupSets.size())
	c.InternTurns = e.texts.turns + e.args.turns + e.envs.turns + e.cgroupSets.turns
	return c
}
