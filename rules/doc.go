// SPDX-License-Identifier: Apache-2.0

// Package rules is the rules language: it loads rules files, resolves lists,
// macros, overrides and exceptions, compiles all conditions into one program,
// and matches events against it. Loading is all or nothing: a set with one
// error is no set. What was wrong, and what is doubtful, comes as a Report.
//
// The way of a rules file: reader (YAML into items with their places),
// collector (definitions in order, with what was appended and overridden),
// resolver (lists, macros, exceptions), compiler (checked rules), matcher.
package rules
