// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/output"
)

// listen makes a datagram socket.
func listen(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_ = l.SetReadDeadline(time.Now().Add(time.Minute))
	return l
}

func receive(t *testing.T, l *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 1<<20)
	n, err := l.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSyslogHasPriorityTimeTagAndText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := listen(t, path)
	s := NewSyslog(path, time.Second)
	defer s.Close()
	s.now = func() time.Time { return time.Date(2026, 11, 3, 9, 5, 1, 0, time.Local) }
	for severity := range uint8(8) {
		e := entry("text %d", severity)
		e.Severity = severity
		deliver(t, s, e)
		want := fmt.Sprintf("<%d>Nov  3 09:05:01 tiercel[%d]: text %d", 8+severity, os.Getpid(), severity)
		if got := receive(t, l); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestASyslogThatIsNotThereIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := NewSyslog(path, time.Second)
	defer s.Close()
	refused(t, s, "no syslog daemon: connect to "+path, entry("x"))
	l := listen(t, path)
	deliver(t, s, entry("here"))
	if got := receive(t, l); !strings.HasSuffix(got, "]: here") {
		t.Errorf("got %q", got)
	}
	// The daemon restarts.
	l.Close()
	_ = os.Remove(path)
	refused(t, s, "send to "+path, entry("lost"))
	l = listen(t, path)
	deliver(t, s, entry("again"))
	if got := receive(t, l); !strings.HasSuffix(got, "]: again") {
		t.Errorf("got %q", got)
	}
}

func TestASyslogDaemonWithAStreamSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := NewSyslog(path, time.Second)
	deliver(t, s, entries(2)...)
	s.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := io.ReadAll(conn)
	parts := bytes.Split(b, []byte{0})
	if err != nil || len(parts) != 3 || !bytes.HasSuffix(parts[0], []byte("]: alert 0")) || !bytes.HasSuffix(parts[1], []byte("]: alert 1")) {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestAStuckSyslogDaemonCostsNoMoreThanTheTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listen(t, path) // never reads
	s := NewSyslog(path, short)
	defer s.Close()
	refused(t, s, "i/o timeout", entries(100000)...)
}

func TestATextTooLargeForSyslogIsCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := listen(t, path)
	s := NewSyslog(path, time.Second)
	defer s.Close()
	deliver(t, s, entry("%s", strings.Repeat("x", 4<<20)))
	if got := receive(t, l); len(got) < syslogCut || len(got) > syslogCut+100 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAStreamSocketGetsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := NewUnixStream(path, short)
	defer s.Close()
	refused(t, s, "connect to "+path+": connect: no such file or directory", entry("x"))
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	deliver(t, s, entries(2)...)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := io.ReadFull(conn, b[:16]); err != nil || string(b[:n]) != "alert 0\nalert 1\n" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	// The peer closes, then listens on: the alert goes over a new connection.
	conn.Close()
	refused(t, s, "broken pipe", entry("x"))
	deliver(t, s, entry("again"))
	conn, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := io.ReadFull(conn, b[:6]); err != nil || string(b[:n]) != "again\n" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	// It does not read: that ends too.
	refused(t, s, "i/o timeout", entry("%s", strings.Repeat("x", 8<<20)))
}

func TestADatagramSocketGetsOneAlertADatagram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	s := NewUnixDatagram(path, short)
	defer s.Close()
	refused(t, s, "no such file", entry("x"))
	l := listen(t, path)
	deliver(t, s, entries(2)...)
	for i := range 2 {
		if got := receive(t, l); got != fmt.Sprintf("alert %d", i) {
			t.Errorf("got %q", got)
		}
	}
	err := refused(t, s, "too large for a datagram", entry("%s", strings.Repeat("x", 8<<20)))
	if f := (*output.Failure)(nil); !asFailure(err, &f) || !f.Lost {
		t.Errorf("%v would be tried again", err)
	}
	deliver(t, s, entry("next"))
}

func TestTheJournalGetsFields(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	l := listen(t, path)
	s := NewJournald(path, time.Second)
	defer s.Close()
	deliver(t, s, entry("two\nlines"))
	want := "MESSAGE\n\x09\x00\x00\x00\x00\x00\x00\x00two\nlines\nPRIORITY=4\nSYSLOG_IDENTIFIER=tiercel\n" +
		"TIERCEL_RULE=a rule\nTIERCEL_SOURCE=syscall\nTIERCEL_TAGS=x,y\nTIERCEL_TIME=1000000000000000000\n"
	if got := receive(t, l); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestALargeAlertReachesTheJournalAsASealedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	l := listen(t, path)
	before := fds(t)
	s := NewJournald(path, time.Second)
	text := strings.Repeat("x", 4<<20)
	deliver(t, s, entry("%s", text))
	s.Close()
	if n := fds(t); n != before+1 { // that which is in the socket is ours in this test
		t.Logf("%d descriptors, before %d", n, before)
	}
	oob := make([]byte, 64)
	n, oobn, _, _, err := l.ReadMsgUnix(nil, oob)
	if err != nil || n != 0 {
		t.Fatal(n, err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
	rights, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(rights) != 1 {
		t.Fatal(rights, err)
	}
	f := os.NewFile(uintptr(rights[0]), "memfd")
	defer f.Close()
	b := make([]byte, 5<<20)
	size, _ := f.ReadAt(b, 0)
	if !strings.HasPrefix(string(b[:size]), "MESSAGE="+text+"\nPRIORITY=4\n") {
		t.Errorf("%d bytes: %.40q", size, b)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("it is not sealed")
	}
}

func TestAJournalThatIsNotThere(t *testing.T) {
	refused(t, NewJournald(filepath.Join(t.TempDir(), "none"), time.Second), "no journal: connect to ", entry("x"))
}
