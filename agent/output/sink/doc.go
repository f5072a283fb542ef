// SPDX-License-Identifier: Apache-2.0

// Package sink has the places that alerts go to: standard output, a file,
// syslog, a program, an HTTP endpoint, a socket, the journal. Each of them is an
// output.Sink: it delivers or says why it could not, and leaves queues, second
// tries and the log to the output.Hub.
package sink
