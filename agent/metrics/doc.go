// SPDX-License-Identifier: Apache-2.0

// Package metrics makes the numbers that the agent tells about itself.
//
// The event loop puts raw counters into a Sample and publishes it on a Board
// (no lock is waited for, nothing is allocated). Everything else is derived
// from published samples by others: a Recorder makes the snapshots that go to
// the outputs and to a file, a Collector answers Prometheus. One table, Table,
// has every number's names, unit and meaning.
package metrics
