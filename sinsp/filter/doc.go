// SPDX-License-Identifier: Apache-2.0

// Package filter is the syntax of the condition language: lexer, parser,
// syntax tree, printer. It knows neither fields nor events, so it accepts any
// name in the place of a field; package program checks names and types, and
// package evtset finds the events that a condition can match.
package filter
