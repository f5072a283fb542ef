// SPDX-License-Identifier: Apache-2.0

// Noise counts the alerts that the default rules raise while nothing bad
// happens: packages are installed and upgraded, programs compiled, containers
// started, somebody logs in, cron does its work; and, in a machine of its own,
// nothing at all. Each alert that it sees is one that would wake somebody up
// for nothing. docs/noise.md holds what it found.
//
// A piece of work runs in a process namespace of its own, whose first process
// is this program; alerts count when that is among their ancestors. What else
// goes on on the host is not counted.
package main
