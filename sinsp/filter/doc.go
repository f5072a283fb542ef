// SPDX-License-Identifier: Apache-2.0

// Package filter is the syntax of the condition language: lexer, parser,
// syntax tree, printer. It knows neither fields nor events.
package filter
