// SPDX-License-Identifier: Apache-2.0

// Package ring reads BPF ring buffers where they lie: the records of one or
// many rings, merged by time, are handed out as events that borrow the ring's
// memory. Nothing is copied between the kernel and the consumer.
package ring
