// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"net"
	"sync"
)

// limited is a listener that holds no more than so many connections at once.
// Further ones are closed at once rather than left to wait: behind clients
// that hold theirs open, a health check that waits is a health check that
// fails without a reason.
type limited struct {
	net.Listener
	room chan struct{}
}

func newLimited(ln net.Listener, n int) *limited {
	return &limited{ln, make(chan struct{}, n)}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.room <- struct{}{}:
			return &counted{Conn: c, room: l.room}, nil
		default:
			_ = c.Close() // no room: nothing is lost but this connection
		}
	}
}

// counted is a connection that gives its room back once.
type counted struct {
	net.Conn
	room <-chan struct{}
	once sync.Once
}

// Close implements net.Conn.
func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.room })
	return err
}
