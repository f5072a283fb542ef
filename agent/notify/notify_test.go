// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// listen is a service manager that the environment names.
func listen(t *testing.T) (read func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		buf := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWithoutAManagerNothingIsSaid(t *testing.T) {
	m := FromEnvironment(func(string) (string, bool) { return "", false })
	if m != nil {
		t.Fatal("there is no manager, but one was found")
	}
	m.Ready("x")
	m.Reloading()
	m.Status("x")
	m.Beat(time.Now(), func() string { t.Error("nobody wants a status"); return "" })
	m.Stopping("x")
	m.Close()
}

func TestALifeIsToldInOrder(t *testing.T) {
	read := listen(t)
	m := FromEnvironment(os.LookupEnv)
	m.Status("Loading rules")
	m.Ready("modern_bpf: 40 rules,\nno alert yet")
	m.Reloading()
	m.Ready("41 rules")
	m.Stopping("Stopping")
	m.Close()
	same(t, read(), "STATUS=Loading rules")
	same(t, read(), "READY=1\nSTATUS=modern_bpf: 40 rules, no alert yet")
	reloading := strings.Split(read(), "\n")
	if len(reloading) != 3 || reloading[0] != "RELOADING=1" || reloading[2] != "STATUS=Reloading" {
		t.Fatalf("reloading: %q", reloading)
	}
	usec, found := strings.CutPrefix(reloading[1], "MONOTONIC_USEC=")
	if n, err := strconv.ParseUint(usec, 10, 64); !found || err != nil || n == 0 {
		t.Errorf("time of the reload: %q", reloading[1])
	}
	same(t, read(), "READY=1\nSTATUS=41 rules")
	same(t, read(), "STOPPING=1\nSTATUS=Stopping")
}

func TestTheWatchdogHearsOfTheLoopOnly(t *testing.T) {
	read := listen(t)
	t.Setenv("WATCHDOG_USEC", "8000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	m := FromEnvironment(os.LookupEnv)
	defer m.Close()
	now := time.Unix(1000, 0)
	alerts := 0
	status := func() string { return strconv.Itoa(alerts) + " alerts" }
	m.Beat(now, status)
	same(t, read(), "WATCHDOG=1")
	same(t, read(), "STATUS=0 alerts")
	alerts = 3
	m.Beat(now.Add(1999*time.Millisecond), status) // too early for either
	m.Beat(now.Add(2*time.Second), status)
	same(t, read(), "WATCHDOG=1")
	m.Beat(now.Add(10*time.Second), status)
	same(t, read(), "WATCHDOG=1")
	same(t, read(), "STATUS=3 alerts")
	m.Beat(now.Add(20*time.Second), status) // nothing new to be said of alerts
	m.Status("end")
	same(t, read(), "WATCHDOG=1")
	same(t, read(), "STATUS=end")
}

func TestTheWatchdogOfAnotherProcessIsNotOurs(t *testing.T) {
	read := listen(t)
	t.Setenv("WATCHDOG_USEC", "8000000")
	t.Setenv("WATCHDOG_PID", "1")
	m := FromEnvironment(os.LookupEnv)
	defer m.Close()
	m.Beat(time.Unix(1000, 0), func() string { return "status" })
	same(t, read(), "STATUS=status")
}

func TestAManagerThatDoesNotReadHoldsNobody(t *testing.T) {
	blocked, free := make(chan struct{}, 1), make(chan struct{})
	m := start(time.Second, func(string) {
		select {
		case blocked <- struct{}{}:
		default:
		}
		<-free
	})
	now := time.Unix(1000, 0)
	for i := range 10 * queued { // a beat that waited would wait for ever
		m.Beat(now.Add(time.Duration(i)*time.Second), func() string { return strconv.Itoa(i) })
	}
	<-blocked
	close(free)
	m.Close()
}

func TestAStatusIsShort(t *testing.T) {
	got := line(strings.Repeat("ä", maxStatus))
	if len(got) > maxStatus+20 || !strings.HasSuffix(got, "ä ...") {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-8:])
	}
}

func TestABeatAllocatesNothing(t *testing.T) {
	m := start(0, func(string) {})
	defer m.Close()
	now := time.Unix(1000, 0)
	status := func() string { return "the same" }
	m.Beat(now, status)
	if n := testing.AllocsPerRun(100, func() { m.Beat(now, status) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
