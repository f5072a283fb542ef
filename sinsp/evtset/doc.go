// SPDX-License-Identifier: Apache-2.0

// Package evtset finds out, from a condition's syntax alone, which events can
// make it true: the system calls that must be collected for it, the event
// types for which it must be asked, and whether it wants the enter halves of
// calls. It looks at checks on evt.type, syscall.type, evt.num and evt.dir;
// every other check may hold for any event, negated or not.
package evtset
