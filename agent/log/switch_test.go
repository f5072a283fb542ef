// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestASwitchChangesTheLogOfThoseWhoHoldIt(t *testing.T) {
	s := NewSwitch()
	held := s.Logger
	child := held.With(zap.Int("n", 1))
	held.Error("nobody hears")
	var one, two bytes.Buffer
	s.Set(Options{Writer: &one})
	held.Debug("too quiet")
	held.Info("first")
	s.Set(Options{Writer: &two, Level: "debug", JSON: true})
	child.Debug("second")
	if !strings.HasSuffix(one.String(), ": first\n") || strings.Count(one.String(), "\n") != 1 {
		t.Errorf("first: %q", one.String())
	}
	if got := two.String(); !strings.Contains(got, `"message":"second"`) || !strings.Contains(got, `"n":1`) {
		t.Errorf("second: %q", got)
	}
}

func TestASwitchClosesTheSyslogThatItLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	s := NewSwitch()
	before := open()
	for range 10 {
		s.Set(Options{Syslog: path})
		s.Info("x")
	}
	s.Set(Options{})
	if n := open(); n != before {
		t.Errorf("%d descriptors before, %d after", before, n)
	}
}
