// SPDX-License-Identifier: Apache-2.0

// Package webserver answers who asks over HTTP how the agent is: its health,
// its versions, its metrics. It listens on loopback unless told otherwise, has
// a bound for everything that a client can make it hold, and never touches the
// event loop: what it tells was left for it.
package webserver
