// SPDX-License-Identifier: Apache-2.0

// Package spool keeps alerts on disk until an output has delivered them, so that
// neither an endpoint that is away nor a restart of the agent loses any.
//
// A spool is a folder of segments, files to which records are appended. Its
// size is bounded: when it is full the oldest segment makes room. Alerts are
// delivered at least once: those that were on their way when the agent was
// killed come again.
package spool
