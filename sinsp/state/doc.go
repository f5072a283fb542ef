// SPDX-License-Identifier: Apache-2.0

// Package state is the model of the host: threads and their groups, file
// descriptors, users and groups, containers, kept current by events and
// primed from procfs. One goroutine owns an Engine and everything in it.
package state
