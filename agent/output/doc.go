// SPDX-License-Identifier: Apache-2.0

// Package output brings alerts from the event loop to whoever reads them. A Form
// puts an alert into its final text or JSON form; a Hub gives it to every Sink.
// A bounded queue and a goroutine for each sink stand between it and the loop,
// so that a blocked pipe or a server that hangs costs alerts of that output
// (counted and told) but never events, and never those of another output.
package output
