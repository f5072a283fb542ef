// SPDX-License-Identifier: Apache-2.0

// Package dial opens connections to the sockets of container runtimes and
// bounds what may come through them: a runtime, or whoever took its place, may
// answer without end.
package dial

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
)

// MaxAnswer is how many bytes may come in a row before we send something
// again: far more than any answer has. A stream of events that reaches it is
// opened anew.
const MaxAnswer = 16 << 20

// ErrTooLong ends a connection through which more than MaxAnswer came.
var ErrTooLong = errors.New("the answer of the runtime is too long")

// Unix connects to a socket.
func Unix(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is read and written by different goroutines.
type conn struct {
	net.Conn
	read atomic.Int64
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if c.read.Load() >= MaxAnswer {
		return 0, ErrTooLong
	}
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	c.read.Store(0)
	return c.Conn.Write(b)
}
