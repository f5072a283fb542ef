// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
)

func at(loc *time.Location) func() time.Time {
	return func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 123, loc) }
}

func TestLines(t *testing.T) {
	saved := time.Local
	time.Local = time.FixedZone("X", 3600)
	t.Cleanup(func() { time.Local = saved })
	for _, c := range []struct {
		name string
		opts Options
		emit func(*zap.Logger)
		want string
	}{
		{"local time in the form of ctime", Options{}, func(l *zap.Logger) { l.Info("hello") }, "Mon Nov 23 10:00:00 2026: hello\n"},
		{"ISO time is UTC", Options{ISO8601: true}, func(l *zap.Logger) { l.Info("hello") }, "2026-11-23T09:00:00+0000: hello\n"},
		{"a newline in the message is not doubled", Options{ISO8601: true}, func(l *zap.Logger) { l.Info("hello\n") }, "2026-11-23T09:00:00+0000: hello\n"},
		{"fields follow, sorted and quoted where needed", Options{ISO8601: true},
			func(l *zap.Logger) { l.With(zap.Int("z", 1)).Info("m", zap.String("a", "b c")) }, "2026-11-23T09:00:00+0000: m a=\"b c\" z=1\n"},
		{"debug is silent by default", Options{}, func(l *zap.Logger) { l.Debug("x") }, ""},
		{"notice hides info", Options{Level: "notice"}, func(l *zap.Logger) { l.Info("x") }, ""},
		{"critical shows critical", Options{Level: "critical", ISO8601: true}, func(l *zap.Logger) { l.Log(Critical, "x") }, "2026-11-23T09:00:00+0000: x\n"},
		{"critical hides errors", Options{Level: "critical"}, func(l *zap.Logger) { l.Error("x") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			c.opts.Writer, c.opts.Clock = &b, at(time.UTC)
			c.emit(New(c.opts))
			if b.String() != c.want {
				t.Errorf("got %q, want %q", b.String(), c.want)
			}
		})
	}
}

func TestJSONLinesHaveTimeLevelAndMessage(t *testing.T) {
	var b bytes.Buffer
	New(Options{Writer: &b, JSON: true, Clock: at(time.UTC)}).Warn("careful\n", zap.Int("n", 3))
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatalf("%v in %q", err, b.String())
	}
	want := map[string]any{"time": "2026-11-23T09:00:00.000000123Z", "level": "warning", "message": "careful", "n": 3.0}
	for k, v := range want {
		if m[k] != v {
			t.Errorf("%s = %v, want %v", k, m[k], v)
		}
	}
}

func TestWithoutWriterNothingIsLogged(t *testing.T) {
	New(Options{}).Error("into the void") // must not panic
}

func TestSyslogGetsTheBareTextWithItsSeverity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log := New(Options{Syslog: path, Clock: at(time.UTC)})
	log.Warn("careful: hot\n", zap.Int("n", 3))
	log.Debug("silent")
	log.Error("worse")
	_ = l.SetReadDeadline(time.Now().Add(time.Minute))
	for _, want := range []string{
		fmt.Sprintf("<12>Nov 23 09:00:00 tiercel[%d]: careful: hot n=3", os.Getpid()),
		fmt.Sprintf("<11>Nov 23 09:00:00 tiercel[%d]: worse", os.Getpid()),
	} {
		b := make([]byte, 500)
		n, err := l.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("got %q (%v), want %q", b[:n], err, want)
		}
	}
}

func TestWithoutASyslogDaemonNothingHappens(t *testing.T) {
	New(Options{Syslog: filepath.Join(t.TempDir(), "log")}).Error("lost") // must neither panic nor block
}
