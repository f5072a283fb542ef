// SPDX-License-Identifier: Apache-2.0

// Package program compiles conditions over a catalog of fields into one
// program that all of them share.
//
// Equal parts of conditions become one node, however often and in whatever
// order the ruleset writes them; a node and a field are evaluated at most once
// an event. Texts that a field is compared with are numbered: one lookup
// answers all of these comparisons. Evaluation neither allocates nor locks:
// what it needs lives in a Run, one for each goroutine.
//
// An event is tried on few conditions, however many there are. What conditions
// say about the type of events is decided while the program is built. Each
// condition is then found by a guard: something that must be true of one value
// of the event when the condition is, such as a text that it equals, starts
// with or contains, a number, a range, a network. All guards on a value are
// one lookup. Conditions without a usable guard are behind gates, checks that
// many of them share, or else looked at each time. The choice weighs what
// looking things up costs against what it saves; see Explain.
//
// A check on a field that has no value is false, whatever the operator, and
// its negation is true. So conditions have two values, and parts may be
// reordered freely: those come first that fail soonest for what they cost.
package program
