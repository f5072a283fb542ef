// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// Of syslog messages: the facility is user, as syslog(3) has it by default, and
// tag is the program's name. Messages that are too large for the daemon's
// socket are cut to what every daemon takes (RFC 5424, section 6.1, and the
// defaults of rsyslog and syslog-ng).
const (
	facilityUser = 1
	syslogTag    = "tiercel"
	syslogCut    = 8 << 10
)

// Syslog sends alerts to the syslog daemon of this host in the form of
// RFC 3164, as syslog(3) does. The severity is the priority of the rule. The
// standard library's log/syslog has no limit of time for a daemon that is
// stuck.
type Syslog struct {
	socket
	buf []byte
	now func() time.Time
}

// NewSyslog returns the sink that sends to the socket at path, /dev/log.
func NewSyslog(path string, timeout time.Duration) *Syslog {
	return &Syslog{socket: socket{path: path, network: "unixgram", timeout: timeout}, now: time.Now}
}

// Name implements output.Sink.
func (s *Syslog) Name() string { return "syslog" }

// Deliver implements output.Sink.
func (s *Syslog) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if err := s.connect(); err != nil {
		return 0, fmt.Errorf("no syslog daemon: %w", err)
	}
	defer s.writing(ctx)()
	for i, e := range entries {
		err := s.send(e)
		if err != nil {
			_ = s.Reopen()
			return i, fmt.Errorf("send to %s: %w", s.path, bare(err))
		}
	}
	return len(entries), nil
}

// connect takes the kind of socket that the daemon has.
func (s *Syslog) connect() error {
	err := s.open()
	if !errors.Is(err, syscall.EPROTOTYPE) {
		return err
	}
	other := map[string]string{"unixgram": "unix", "unix": "unixgram"}
	s.network = other[s.network]
	return s.open()
}

func (s *Syslog) send(e *output.Entry) error {
	err := s.sendText(e.Severity, e.Text)
	if errors.Is(err, syscall.EMSGSIZE) && len(e.Text) > syslogCut {
		err = s.sendText(e.Severity, e.Text[:syslogCut])
	}
	return err
}

func (s *Syslog) sendText(severity uint8, text []byte) error {
	b := append(s.buf[:0], '<')
	b = strconv.AppendUint(b, facilityUser<<3|uint64(severity), 10)
	b = append(b, '>')
	b = s.now().AppendFormat(b, time.Stamp)
	b = append(b, " "+syslogTag+"["...)
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(b, "]: "...)
	b = append(b, text...)
	if s.network == "unix" {
		b = append(b, 0) // what ends a message in a stream, as syslog(3) does it
	}
	s.buf = b
	_, err := s.conn.Write(b)
	return err
}
