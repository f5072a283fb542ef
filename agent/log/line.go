// SPDX-License-Identifier: Apache-2.0

package log

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Time layouts of log lines: local time as ctime(3) writes it, or UTC.
const (
	ctimeLayout = "Mon Jan _2 15:04:05 2006"
	isoLayout   = "2006-01-02T15:04:05-0700"
)

var pool = buffer.NewPool()

// LineEncoder writes an entry as "<time>: <text>" with its fields behind the
// text as key=value, sorted by key.
type LineEncoder struct {
	*zapcore.MapObjectEncoder // fields given to With
	iso                       bool
}

// NewLineEncoder returns an encoder; iso selects UTC times in ISO 8601.
func NewLineEncoder(iso bool) *LineEncoder {
	return &LineEncoder{zapcore.NewMapObjectEncoder(), iso}
}

// Clone implements zapcore.Encoder.
func (l *LineEncoder) Clone() zapcore.Encoder {
	c := NewLineEncoder(l.iso)
	for k, v := range l.Fields {
		c.Fields[k] = v
	}
	return c
}

// EncodeEntry implements zapcore.Encoder.
func (l *LineEncoder) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	b := pool.Get()
	if l.iso {
		b.AppendTime(e.Time.UTC(), isoLayout)
	} else {
		b.AppendTime(e.Time.In(time.Local), ctimeLayout)
	}
	b.AppendString(": ")
	b.AppendString(strings.TrimRight(e.Message, "\n"))
	all := l
	if len(fields) > 0 {
		all = l.Clone().(*LineEncoder)
		for _, f := range fields {
			f.AddTo(all)
		}
	}
	keys := make([]string, 0, len(all.Fields))
	for k := range all.Fields {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		b.AppendString(" " + k + "=")
		b.AppendString(fieldText(all.Fields[k]))
	}
	b.AppendString("\n")
	return b, nil
}

func fieldText(v any) string {
	s := fmt.Sprint(v)
	if s == "" || strings.ContainsAny(s, " \"=\n\t") {
		return strconv.Quote(s)
	}
	return s
}
