// SPDX-License-Identifier: Apache-2.0

// Package drops tells of lost events: a Reporter tells of every loss, whatever
// the configuration says, Actions does what syscall_event_drops asks for.
package drops
