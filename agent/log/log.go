// SPDX-License-Identifier: Apache-2.0

// Package log makes the agent's own log: zap behind it, and in front of it
// either the line format that Falco's users and tools know ("time: text") or
// JSON. It has no package-level logger; whoever logs is handed one.
package log

import (
	"io"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Options say where the log goes and how it looks.
type Options struct {
	Writer  io.Writer // nil: not there
	Syslog  string    // path of the syslog socket; "": not there
	Level   string    // a name that log_level takes; "" is info
	JSON    bool
	ISO8601 bool             // UTC times in ISO 8601 instead of local ones
	Clock   func() time.Time // nil: the system's
}

// Critical is the level for what ends the agent or blinds it. Zap gives its
// number another meaning only in development mode, which is not used here.
const Critical = zapcore.DPanicLevel

// levels maps log_level to zap: Falco's scale has eight steps, zap's five.
var levels = map[string]zapcore.Level{
	"emergency": Critical, "alert": Critical, "critical": Critical,
	"error": zapcore.ErrorLevel, "warning": zapcore.WarnLevel, "notice": zapcore.WarnLevel,
	"info": zapcore.InfoLevel, "": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
}

// New returns a logger. Its messages may end in a newline of their own; each
// takes exactly one line end.
func New(o Options) *zap.Logger {
	var opts []zap.Option
	if o.Clock != nil {
		opts = append(opts, zap.WithClock(clock(o.Clock)))
	}
	return zap.New(o.core(), opts...)
}

func (o *Options) core() zapcore.Core {
	level, ok := levels[o.Level]
	if !ok {
		level = zapcore.InfoLevel
	}
	var cores []zapcore.Core
	if o.Writer != nil {
		cores = append(cores, zapcore.NewCore(o.encoder(), zapcore.Lock(zapcore.AddSync(o.Writer)), level))
	}
	if o.Syslog != "" {
		cores = append(cores, newSyslogCore(o.Syslog, level))
	}
	return tee{zapcore.NewTee(cores...), cores}
}

// tee knows its parts.
type tee struct {
	zapcore.Core
	parts []zapcore.Core
}

// closeCore gives back what a core holds. Lines that are on their way to it
// still find it working.
func closeCore(c zapcore.Core) {
	t, ok := c.(tee)
	if !ok {
		return
	}
	for _, part := range t.parts {
		if s, ok := part.(*syslogCore); ok {
			s.close()
		}
	}
}

func (o *Options) encoder() zapcore.Encoder {
	if !o.JSON {
		return NewLineEncoder(o.ISO8601)
	}
	return trimmed{zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "message", NameKey: "component",
		LineEnding:  "\n",
		EncodeLevel: encodeLevel, EncodeDuration: zapcore.StringDurationEncoder,
		EncodeTime: func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
			e.AppendString(t.UTC().Format(time.RFC3339Nano))
		},
	})}
}

func encodeLevel(l zapcore.Level, e zapcore.PrimitiveArrayEncoder) {
	switch l {
	case Critical:
		e.AppendString("critical")
	case zapcore.WarnLevel:
		e.AppendString("warning")
	default:
		e.AppendString(l.String())
	}
}

type clock func() time.Time

// Now implements zapcore.Clock.
func (c clock) Now() time.Time { return c() }

// NewTicker implements zapcore.Clock.
func (c clock) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

// trimmed takes trailing newlines off messages before JSON is made of them.
type trimmed struct{ zapcore.Encoder }

// Clone implements zapcore.Encoder.
func (t trimmed) Clone() zapcore.Encoder { return trimmed{t.Encoder.Clone()} }

// EncodeEntry implements zapcore.Encoder.
func (t trimmed) EncodeEntry(e zapcore.Entry, f []zapcore.Field) (*buffer.Buffer, error) {
	e.Message = strings.TrimRight(e.Message, "\n")
	return t.Encoder.EncodeEntry(e, f)
}
