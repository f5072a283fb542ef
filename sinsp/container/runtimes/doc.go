// SPDX-License-Identifier: Apache-2.0

// Package runtimes asks container runtimes for the details of containers, so
// that nothing of a runtime reaches the event loop: questions go into a bounded
// queue, a few workers ask with a time limit, answers go into a mailbox.
//
// Each socket is followed as well: the containers that exist are asked for when
// it appears, and those that its events tell of, so that most details are there
// before the first process of a container runs. A socket that fails is left
// alone for a while, longer each time.
//
// The sockets of root are believed. That of a user's own Podman is only asked
// for containers in that user's control groups: it could claim anything.
package runtimes
