// SPDX-License-Identifier: Apache-2.0

// Package container knows containers: how a path of control groups names one,
// what is known of it, and how that is written into captures.
//
// A Table holds the containers of a host. It belongs to the goroutine that
// owns the model of the host; a Container and its Info are shared by all
// threads in it. Which container a thread runs in follows from its control
// groups and is known at once; the details come from the runtimes, which other
// goroutines ask (package runtimes). They hand over what they learn by a
// Mailbox that the owner empties between events, so that nothing of a runtime
// can hold the events up.
//
// Three answers are kept apart everywhere: yes, no, and not known (yet). See
// Status and Tri.
package container
