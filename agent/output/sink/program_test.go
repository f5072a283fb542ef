// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

func asFailure(err error, f **output.Failure) bool { return errors.As(err, f) }

// until waits until the condition holds.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 5 s", what)
		}
	}
}

func program(command string, keepAlive bool) *Program {
	p := NewProgram(command, keepAlive, nil)
	p.Stderr = nil
	return p
}

func TestAProgramForEachAlert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	before := fds(t)
	s := program("(cat; echo end) >> "+path, false)
	deliver(t, s, entries(3)...)
	if got := read(t, path); got != "alert 0\nend\nalert 1\nend\nalert 2\nend\n" {
		t.Errorf("got %q", got)
	}
	s.Close()
	if n := fds(t); n != before {
		t.Errorf("%d descriptors, before %d", n, before)
	}
}

func TestAProgramInheritsNoDescriptorButItsInput(t *testing.T) {
	dir := t.TempDir()
	secret, err := os.Create(filepath.Join(dir, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	other := exec.Command("ls", "-l", "/proc/self/fd") // what the test itself was given
	out, err := other.Output()
	if err != nil {
		t.Fatal(err)
	}
	pipes := strings.Count(string(out), "pipe:") - 1 // that of Output
	for _, keep := range []bool{false, true} {
		path := filepath.Join(dir, fmt.Sprint(keep))
		s := program("ls -l /proc/self/fd > "+path+"; cat", keep)
		deliver(t, s, entry("x"))
		s.Close()
		got := read(t, path)
		if strings.Contains(got, secret.Name()) || strings.Count(got, "pipe:") > 1+pipes {
			t.Errorf("keep_alive %v: descriptors\n%s", keep, got)
		}
	}
}

func TestAProgramThatKeepsRunning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	before := fds(t)
	s := program("cat >> "+path+"; echo end >> "+path, true)
	deliver(t, s, entries(3)...)
	until(t, "three alerts", func() bool {
		b, _ := os.ReadFile(path)
		return strings.Count(string(b), "\n") == 3
	})
	if err := s.Reopen(); err != nil { // waits for its end
		t.Error(err)
	}
	deliver(t, s, entry("x"))
	s.Close()
	if got := read(t, path); got != "alert 0\nalert 1\nalert 2\nend\nx\nend\n" {
		t.Errorf("got %q", got)
	}
	if n := fds(t); n != before {
		t.Errorf("%d descriptors, before %d", n, before)
	}
}

func TestAProgramThatDiedIsStartedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := program("echo start >> "+path+"; cat >> "+path, true)
	defer s.Close()
	deliver(t, s, entry("1"))
	until(t, "the first alert", func() bool { b, _ := os.ReadFile(path); return strings.HasSuffix(string(b), "1\n") })
	s.p.started = s.p.started.Add(-shortLife) // it has run for a while
	s.p.signal(syscall.SIGKILL)
	<-s.p.exited
	deliver(t, s, entry("2"))
	until(t, "the second start", func() bool { return read(t, path) == "start\n1\nstart\n2\n" })
}

func TestAProgramThatDiesAtOnceIsNotStartedInALoop(t *testing.T) {
	s := program("exit 3", true)
	defer s.Close()
	_, _ = s.Deliver(t.Context(), entries(1)) // may go into the pipe
	if s.p != nil {
		<-s.p.exited
		refused(t, s, "the program ended right after its start: exit 3 (exit status 3)", entry("x"))
	}
	if s.p != nil {
		t.Error("it was started again at once")
	}
}

func TestAProgramThatDoesNotReadIsNoError(t *testing.T) {
	s := program("true", false)
	deliver(t, s, entries(2)...)
	deliver(t, s, entry("%s", strings.Repeat("x", 1<<20)))
}

func TestAProgramThatIsNotThere(t *testing.T) {
	s := program("/nonexistent/program", false)
	err := refused(t, s, "Failed to open program output: /nonexistent/program (error: exit status 127)", entry("x"))
	if f := (*output.Failure)(nil); !asFailure(err, &f) || !f.Lost {
		t.Errorf("%v would be tried again", err)
	}
}

func TestTheEndKillsAProgramThatNeverReadsWithAllItsChildren(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	command := fmt.Sprintf("trap '' TERM; sleep 1000 & echo $! >> %s; echo $$ >> %s; wait; sleep 1000", pids, pids)
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("keep_alive %v", keep), func(t *testing.T) {
			_ = os.Remove(pids)
			s := program(command, keep)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := s.Deliver(ctx, []*output.Entry{entry("%s", strings.Repeat("x", 1<<20))})
				done <- err
			}()
			until(t, "the program", func() bool { b, _ := os.ReadFile(pids); return strings.Count(string(b), "\n") == 2 })
			cancel()
			if err := <-done; err == nil {
				t.Error("delivered")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			for _, field := range strings.Fields(read(t, pids)) {
				pid, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				until(t, "the end of "+field, func() bool { return !runs(pid) })
			}
		})
	}
}

func TestClosingEndsAProgramThatIgnoresTheEndOfItsInput(t *testing.T) {
	s := program("exec sleep 1000", true)
	deliver(t, s, entry("x"))
	p := s.p
	start := time.Now()
	s.Close()
	if !p.ended() || time.Since(start) > time.Minute {
		t.Errorf("ended %v after %v", p.ended(), time.Since(start))
	}
	if runs(p.cmd.Process.Pid) {
		t.Error("it still runs, or nobody waits for it")
	}
}

// runs reports whether there is such a process; one that is only waited for by
// another parent does not count.
func runs(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	parent := strings.Fields(rest)
	return parent[0] != "Z" || parent[1] == strconv.Itoa(os.Getpid())
}

func TestAHubRestartsADyingProgramAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := program("head -n 1 >> "+path, true) // takes one alert and ends
	h := hubOf(t, output.HubOptions{}, s)
	for i := range 3 {
		n := i
		until(t, "another alert", func() bool {
			h.Offer(&output.Alert{TimeNS: 1e18, Priority: "Error", Message: []byte("x")})
			b, _ := os.ReadFile(path)
			return strings.Count(string(b), "\n") > n
		})
	}
}
