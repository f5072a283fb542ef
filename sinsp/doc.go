// SPDX-License-Identifier: Apache-2.0

// Package sinsp groups the model of the host: filter (the condition
// language), state (threads, descriptors, users), fields (what a condition or
// an output can ask), program (compiled conditions) and format (outputs).
// The package itself holds the named syscall sets that the model needs.
package sinsp
