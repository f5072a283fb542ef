// SPDX-License-Identifier: Apache-2.0

package log

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// syslogTimeout bounds what a stuck syslog daemon can cost the caller.
const syslogTimeout = 10 * time.Millisecond

// syslogCore sends the bare text of entries to the local syslog socket, with
// the severity of their level. Without a daemon they are lost, as syslog(3)
// loses them.
type syslogCore struct {
	zapcore.LevelEnabler
	path string
	mu   *sync.Mutex
	conn **net.UnixConn
	enc  zapcore.Encoder
}

func newSyslogCore(path string, level zapcore.LevelEnabler) zapcore.Core {
	return &syslogCore{LevelEnabler: level, path: path, mu: new(sync.Mutex), conn: new(*net.UnixConn), enc: NewLineEncoder(true)}
}

// severities are those of syslog(3); the facility is user.
func severity(l zapcore.Level) int {
	const user = 1 << 3
	switch {
	case l >= Critical:
		return user | 2
	case l == zapcore.ErrorLevel:
		return user | 3
	case l == zapcore.WarnLevel:
		return user | 4
	case l == zapcore.InfoLevel:
		return user | 6
	}
	return user | 7
}

// With implements zapcore.Core.
func (c *syslogCore) With(fields []zapcore.Field) zapcore.Core {
	d := *c
	d.enc = c.enc.Clone()
	for _, f := range fields {
		f.AddTo(d.enc)
	}
	return &d
}

// Check implements zapcore.Core.
func (c *syslogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *syslogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	b, err := c.enc.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	_, text, _ := strings.Cut(strings.TrimSpace(b.String()), ": ")
	b.Free()
	msg := fmt.Sprintf("<%d>%s tiercel[%d]: %s", severity(e.Level), e.Time.Format(time.Stamp), os.Getpid(), text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.conn == nil {
		if *c.conn, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: c.path, Net: "unixgram"}); err != nil {
			*c.conn = nil
			return nil
		}
	}
	_ = (*c.conn).SetWriteDeadline(time.Now().Add(syslogTimeout))
	if _, err := (*c.conn).Write([]byte(msg)); err != nil {
		(*c.conn).Close()
		*c.conn = nil // the daemon may have been restarted: dial again next time
	}
	return nil
}

// Sync implements zapcore.Core.
func (c *syslogCore) Sync() error { return nil }

// close ends the connection; the next line would make another one.
func (c *syslogCore) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.conn != nil {
		(*c.conn).Close()
		*c.conn = nil
	}
}
