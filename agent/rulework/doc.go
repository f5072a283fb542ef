// SPDX-License-Identifier: Apache-2.0

// Package rulework is the work on rules without an agent that runs: it checks
// rules files beyond what loading them tells (Check), and runs the tests that
// are written beside rules (Test).
//
// A test is a short script of events and the alerts that are expected of it.
// The events are made as a driver would make them and go through the same
// model, matcher and formats as live ones.
package rulework
