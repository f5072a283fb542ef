// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

// crowd makes a host with so many processes that two workers share them; every
// tenth has vanished.
func crowd(t testing.TB) (h *host, there int) {
	h = newHost(t)
	// What they have alike is there once.
	h.link("proc/alike/ns/net", "net:[100]")
	h.fd("proc/alike", 3, "socket:[1002]", "flags: 0")
	h.file("proc/alike/net/tcp", tcpTable)
	for i := 1; i <= 2*shareFrom; i++ {
		dir := "proc/" + decimalText(int64(i))
		if i%10 == 0 {
			h.file(dir+"/stat", "")
			continue
		}
		there++
		h.thread(dir, task{tid: i, pid: i, comm: "p" + decimalText(int64(i)), ticks: i})
		h.link(dir+"/exe", "/bin/p"+decimalText(int64(i)))
		for _, name := range []string{"ns", "fd", "fdinfo", "net"} {
			h.link(dir+"/"+name, "../alike/"+name)
		}
	}
	return h, there
}

func withProcs(t testing.TB, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestWorkersHandOutEachProcessOnceAndInOrder(t *testing.T) {
	withProcs(t, 2)
	h, there := crowd(t)
	r, n, last := New(h.root, Options{}), 0, int64(0)
	err := r.Scan(func(p *Process) error {
		text := decimalText(p.PID)
		if p.PID <= last || p.Main.Comm != "p"+text || p.ExePath != "/bin/p"+text ||
			len(p.FDs) != 1 || p.FDs[0].Dst.Port() != 53 {
			t.Errorf("process %d after %d: %+v", p.PID, last, p)
		}
		last = p.PID
		n++
		return nil
	})
	if err != nil || n != there {
		t.Errorf("%d of %d processes, %v", n, there, err)
	}
	if len(r.peers) == 0 {
		t.Error("the work was not shared: this test tests nothing")
	}
}

func TestWorkersStopWithTheCaller(t *testing.T) {
	withProcs(t, 2)
	h, _ := crowd(t)
	before, enough, n := runtime.NumGoroutine(), errors.New("enough"), 0
	err := Scan(h.root, Options{}, func(*Process) error {
		if n++; n == 5 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 5 {
		t.Errorf("%v after %d", err, n)
	}
	// A goroutine counts until a moment after it is done.
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}
