// SPDX-License-Identifier: Apache-2.0

// Package scap is the event model: what an event is, how it looks on the
// wire, which system calls exist, which of them a consumer wants, and how
// events reach it in order. It knows nothing about processes, rules or the
// agent; everything above it speaks in its terms.
package scap
