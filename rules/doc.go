// SPDX-License-Identifier: Apache-2.0

// Package rules is the rules language: it loads rule files, resolves lists,
// macros and exceptions, compiles the conditions into one program and tells
// which rules an event matches.
package rules
