// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// socket is a connection to a socket of this host, made when it is needed.
type socket struct {
	path    string
	network string // unix or unixgram
	timeout time.Duration
	conn    *net.UnixConn
}

// open connects unless there is a connection.
func (s *socket) open() error {
	if s.conn != nil {
		return nil
	}
	conn, err := net.DialUnix(s.network, nil, &net.UnixAddr{Name: s.path, Net: s.network})
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.path, bare(err))
	}
	s.conn = conn
	return nil
}

// bare takes from a network error what it says of the address.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// writing bounds the writes that follow, until stop is called.
func (s *socket) writing(ctx context.Context) (stop func() bool) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
	return untilCancelled(ctx, s.conn)
}

// Reopen implements output.Sink.
func (s *socket) Reopen() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// Close implements output.Sink.
func (s *socket) Close() error { return s.Reopen() }

// UnixStream writes alerts as lines to a stream socket of this host.
type UnixStream struct {
	socket
	lines lines
}

// NewUnixStream returns the sink that connects to path; a write may take as
// long as timeout.
func NewUnixStream(path string, timeout time.Duration) *UnixStream {
	return &UnixStream{socket: socket{path: path, network: "unix", timeout: timeout}}
}

// Name implements output.Sink.
func (s *UnixStream) Name() string { return "unix" }

// Deliver implements output.Sink.
func (s *UnixStream) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if s.conn == nil {
		s.lines.torn = false
	}
	if err := s.open(); err != nil {
		return 0, err
	}
	stop := s.writing(ctx)
	n, err := s.lines.write(s.conn, entries)
	stop()
	if err != nil {
		_ = s.Reopen()
		return n, fmt.Errorf("write to %s: %w", s.path, bare(err))
	}
	return n, nil
}

// UnixDatagram sends each alert as a datagram to a socket of this host.
type UnixDatagram struct{ socket }

// NewUnixDatagram returns the sink that sends to path; sending may take as long
// as timeout.
func NewUnixDatagram(path string, timeout time.Duration) *UnixDatagram {
	return &UnixDatagram{socket{path: path, network: "unixgram", timeout: timeout}}
}

// Name implements output.Sink.
func (s *UnixDatagram) Name() string { return "unix" }

// Deliver implements output.Sink.
func (s *UnixDatagram) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	defer s.writing(ctx)()
	for i, e := range entries {
		_, err := s.conn.Write(e.Text)
		switch {
		case err == nil:
		case errors.Is(err, syscall.EMSGSIZE):
			return i, &output.Failure{Err: fmt.Errorf("an alert of %d bytes is too large for a datagram (unix_output.type: stream)", len(e.Text)), Lost: true}
		default:
			_ = s.Reopen()
			return i, fmt.Errorf("send to %s: %w", s.path, bare(err))
		}
	}
	return len(entries), nil
}
