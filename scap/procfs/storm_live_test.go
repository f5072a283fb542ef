// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// storm makes processes that end at once, and descriptors of ours that come
// and go, until the test is over.
func storm(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do sleep 0.02 & sleep 0.01 & (:) & (:); done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("no shell: %v", err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = cmd.Wait()
	})
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if f, err := os.Open("/dev/null"); err == nil {
				_ = f.Close()
			}
			if s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
				_ = unix.Close(s)
			}
		}
	})
	t.Cleanup(func() { close(stop); done.Wait() })
}

func TestAScanStandsAStormOfForks(t *testing.T) {
	storm(t)
	r := New("", Options{})
	forked := map[int64]bool{}
	scans := 0
	// A slow machine needs longer to meet two of those that come and go.
	for begin := time.Now(); time.Since(begin) < time.Second || len(forked) < 2 && time.Since(begin) < time.Minute; scans++ {
		last, us := int64(0), false
		err := r.Scan(func(p *Process) error {
			if p.PID <= last {
				t.Errorf("process %d after %d", p.PID, last)
			}
			last = p.PID
			us = us || p.PID == int64(os.Getpid())
			if c := p.Main.Comm; c == "sh" || c == "sleep" {
				forked[p.PID] = true
			}
			if m := &p.Main; m.TID != p.PID || m.PID != p.PID || m.Comm == "" || m.StartTS == 0 || m.UID == NoUID || m.VPID <= 0 {
				t.Errorf("a process that is not whole: %+v", p)
			}
			for i := range p.FDs {
				if f := &p.FDs[i]; f.Num < 0 || i > 0 && f.Num <= p.FDs[i-1].Num {
					t.Errorf("descriptor %+v of %d", f, p.PID)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !us {
			t.Error("we are missing")
		}
	}
	if len(forked) < 2 || scans == 0 {
		t.Errorf("%d scans met %d of the processes that come and go: this was no storm", scans, len(forked))
	}
}

func TestLookupsStandAStormOfForks(t *testing.T) {
	r := New("", Options{})
	pids := func() []int64 {
		d, err := r.open()
		if err != nil {
			t.Fatal(err)
		}
		defer d.close()
		nums, err := d.numbers(nil, r.buf[:])
		if err != nil {
			t.Fatal(err)
		}
		return nums
	}
	known := map[int64]bool{}
	for _, pid := range pids() {
		known[pid] = true
	}
	storm(t)
	found, gone := 0, 0
	for begin := time.Now(); time.Since(begin) < 500*time.Millisecond || (found == 0 || gone == 0) && time.Since(begin) < time.Minute; {
		for _, pid := range pids() {
			if known[pid] {
				continue
			}
			switch p, err := r.Lookup(pid); {
			case err != nil:
				gone++
			case p.PID <= 0 || p.Main.Comm == "":
				t.Errorf("a process that is not whole: %+v", p)
			default:
				found++
			}
		}
	}
	if found == 0 || gone == 0 {
		t.Errorf("%d found, %d gone: this was no storm", found, gone)
	}
}
