// SPDX-License-Identifier: Apache-2.0

// Package state is the model of the host: threads and their groups, file
// descriptors, users and groups, containers, kept current by events and
// primed from /proc. One goroutine owns an Engine and everything in it.
//
// Process applies one event and returns it together with its thread and its
// descriptor. What an event ends (an exited thread, a closed descriptor) is
// still there while that event is looked at and goes with the next one. An
// event that changes nothing costs no allocation.
//
// What events do stands in one table (kind.go). Parameters are found by name in
// the event tables, so that old versions of an event need no code of their own.
//
// Everything is bounded, and what the bounds cost is counted in Counters:
// threads, descriptors of a process and of all, arguments and environments have
// a budget; who has ended goes first, then who has been idle longest, init and
// the agent never. Repeated texts are shared as long as their table has room,
// and questions to /proc have a rate.
//
// Lost events show as unknown or stale threads: an unknown one is looked up or
// stands as a placeholder, a stale one goes when its id is used again or its
// process is found gone. After a loss all is in doubt (Thread.Doubt); the first
// event of a process then has it read again from /proc.
package state
