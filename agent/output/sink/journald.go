// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/output"
)

// JournalSocket is where the journal listens.
const JournalSocket = "/run/systemd/journal/socket"

// Journald sends alerts to the journal of systemd by its native protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an alert, with the fields
// MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and of ours TIERCEL_RULE,
// TIERCEL_SOURCE, TIERCEL_TAGS and TIERCEL_TIME (ns since the epoch). The
// journal package of go-systemd has no limit of time and a fixed socket.
type Journald struct {
	socket
	buf []byte
}

// NewJournald returns the sink that sends to the socket at path, which is
// JournalSocket but in tests.
func NewJournald(path string, timeout time.Duration) *Journald {
	if path == "" {
		path = JournalSocket
	}
	return &Journald{socket: socket{path: path, network: "unixgram", timeout: timeout}}
}

// Name implements output.Sink.
func (s *Journald) Name() string { return "journald" }

// Deliver implements output.Sink.
func (s *Journald) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if err := s.open(); err != nil {
		return 0, fmt.Errorf("no journal: %w", err)
	}
	defer s.writing(ctx)()
	for i, e := range entries {
		s.buf = appendJournal(s.buf[:0], e)
		_, err := s.conn.Write(s.buf)
		if errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.ENOBUFS) {
			err = s.sendFile(s.buf)
		}
		if err != nil {
			_ = s.Reopen()
			return i, fmt.Errorf("send to %s: %w", s.path, bare(err))
		}
	}
	return len(entries), nil
}

func appendJournal(b []byte, e *output.Entry) []byte {
	b = appendField(b, "MESSAGE", e.Text)
	b = append(b, "PRIORITY="...)
	b = strconv.AppendUint(b, uint64(e.Severity), 10)
	b = append(b, "\nSYSLOG_IDENTIFIER="+syslogTag+"\n"...)
	b = appendField(b, "TIERCEL_RULE", []byte(e.Rule))
	b = appendField(b, "TIERCEL_SOURCE", []byte(e.Source))
	if len(e.Tags) > 0 {
		b = appendField(b, "TIERCEL_TAGS", []byte(strings.Join(e.Tags, ",")))
	}
	b = append(b, "TIERCEL_TIME="...)
	b = strconv.AppendUint(b, e.TimeNS, 10)
	return append(b, '\n')
}

// appendField writes a field. A value with a line end in it is preceded by its
// length instead of an equals sign.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	if bytes.IndexByte(value, '\n') < 0 {
		b = append(append(b, '='), value...)
		return append(b, '\n')
	}
	b = append(b, '\n')
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	return append(append(b, value...), '\n')
}

// sendFile passes what is too large for a datagram as a sealed file in memory.
func (s *Journald) sendFile(text []byte) error {
	fd, err := unix.MemfdCreate("tiercel-alert", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal memfd: %w", err)
	}
	raw, err := s.conn.SyscallConn() // WriteMsgUnix refuses connected sockets
	if err != nil {
		return err
	}
	werr := raw.Write(func(to uintptr) (done bool) {
		err = unix.Sendmsg(int(to), nil, unix.UnixRights(fd), nil, 0)
		return err != unix.EAGAIN
	})
	if werr != nil {
		return werr
	}
	return err
}
