// SPDX-License-Identifier: Apache-2.0

// Package path measures, and holds to its promise of no allocation, the whole
// way of an event: from the bytes in a ring over the ordered reader and the
// model of the host to the verdict of the rules. Its input is a recording of
// real events (testdata/events.gz, made by test/bench/record).
package path
