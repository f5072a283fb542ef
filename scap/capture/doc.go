// SPDX-License-Identifier: Apache-2.0

// Package capture reads and writes capture files, the .scap files that agents
// and tools of this field exchange: tables of what ran when the capture began,
// then events in time order.
//
// A Reader is a scap.Source. It takes files of every version, plain or gzip,
// and hands out each event in its newest form: what older drivers sent in two
// halves is merged into one, and halves that nobody makes any more are left
// out. Where the bytes of an event need no change they are not copied.
//
// A Writer writes files that the existing tools read; a Recorder writes them
// to disk, in the background, with rotation.
package capture
