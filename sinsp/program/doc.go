// SPDX-License-Identifier: Apache-2.0

// Package program compiles conditions over a catalog of fields into one
// program that all of them share.
//
// Equal parts of conditions become one node, however often and in whatever
// order the ruleset writes them; a node and a field are evaluated at most once
// an event. A condition is looked at only when the event's type can make it
// true, and only when the checks that many conditions have in common hold.
// Evaluation neither allocates nor locks: what it needs lives in a Run, one
// for each goroutine.
//
// A check on a field that has no value is false, whatever the operator, and
// its negation is true. So conditions have two values, and parts may be
// reordered freely: cheap ones come first.
package program
