// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// populate makes processes with descriptors of their own, as a large host has
// them: each with a command line, an environment and paths that no other has.
func populate(h *host, processes, descriptors int) {
	env := make([]string, 30)
	for i := range int64(processes) {
		tid := 1000 + i
		for k := range env {
			env[k] = fmt.Sprintf("VARIABLE_%d=/some/value/of/process/%d", k, tid)
		}
		h.clone(100, tid, 0)
		h.exec(tid, fmt.Sprintf("/usr/lib/service-%d/worker", i%200), p{
			"ptid": 100, "env": env, "args": []string{"--config", fmt.Sprintf("/etc/service/%d.yaml", i), "--listen", "0.0.0.0:80"},
			"cgroups": []string{fmt.Sprintf("memory=/system.slice/service-%d.service", i%1000)},
		})
		for fd := range int64(descriptors) {
			if fd%4 == 3 {
				h.play(scap.EvSocketX, tid, p{"fd": fd, "domain": 2, "type": 1, "proto": 0, "flags": 0})
				h.play(scap.EvConnectX, tid, p{"res": 0, "fd": fd, "tuple": scaptest.Tuple(fmt.Sprintf("10.0.%d.%d:%d", i/250, i%250, 1000+fd), "10.9.9.9:443")})
				continue
			}
			h.open(tid, fd, fmt.Sprintf("/var/lib/service/%d/data/segment-%d.log", i, fd), OpenRead)
		}
	}
}

// TestLargeHostFits holds half of what the whole agent may take in memory on a
// host with 10,000 processes and 200,000 descriptors (150 MB): the agent lets
// the heap grow to one and a half times of what is alive, and needs some itself.
func TestLargeHostFits(t *testing.T) {
	h := newHost(t)
	before := heap()
	populate(h, 10_000, 20)
	used := heap() - before
	c := h.e.Counters()
	equal(t, "threads", c.Threads, 10_002)
	equal(t, "descriptors", c.FDs, 200_000)
	t.Logf("%d MB for %d threads and %d descriptors, texts of %d MB among them", used>>20, c.Threads, c.FDs, c.TextBytes>>20)
	if used > 75<<20 {
		t.Errorf("the model takes %d MB", used>>20)
	}
}

func TestBudgetsHoldUnderAFlood(t *testing.T) {
	o := Options{MaxThreads: 500, MaxFDs: 50, MaxFDsTotal: 3000, MaxTextBytes: 200_000, BootTime: boot}
	h := newHostWith(t, o)
	populate(h, 1500, 60)
	checkTables(t, h.e)
	c := h.e.Counters()
	for name, n := range map[string]uint64{
		"threads evicted": c.ThreadsEvicted, "descriptors of a process evicted": c.FDsEvicted,
		"descriptors evicted": c.FDsEvictedTotal, "environments evicted": c.EnvsEvicted,
	} {
		if n == 0 {
			t.Errorf("no %s", name)
		}
	}
	h.thread(1)
	h.thread(100)
}

func TestSharedEnvironmentsDoNotGiveWay(t *testing.T) {
	h := newHostWith(t, Options{BootTime: boot, MaxTextBytes: 2000})
	h.clone(100, 200, 0)
	h.exec(200, "/bin/a", p{"ptid": 100, "env": []string{"A=" + strings.Repeat("x", 1500)}})
	for i := range int64(50) {
		h.clone(200, 300+i, 0)
	}
	h.clone(100, 400, 0)
	h.exec(400, "/bin/b", p{"ptid": 100, "env": []string{"B=" + strings.Repeat("y", 1500)}})
	equal(t, "refused", h.e.Counters().EnvsRefused, 1)
	equal(t, "evicted", h.e.Counters().EnvsEvicted, 0)
	equal(t, "shared", len(h.thread(349).Env), 1)
	equal(t, "new", len(h.thread(400).Env), 0)
	checkTables(t, h.e)
	for i := range int64(50) {
		h.exit(300 + i)
	}
	h.exec(400, "/bin/b", p{"ptid": 100, "env": []string{"B=" + strings.Repeat("y", 1500)}})
	equal(t, "evicted when nobody shares it any more", h.e.Counters().EnvsEvicted, 1)
	equal(t, "new", len(h.thread(400).Env), 1)
}

func TestEvictionOrder(t *testing.T) {
	tests := []struct {
		name   string
		do     func(h *host)
		victim int64
	}{
		{"the longest idle process", nil, 200},
		{"not the one that has just been seen", func(h *host) {
			h.open(200, 3, "/x", OpenRead)
		}, 300},
		{"a thread before a process", func(h *host) {
			h.cloned(401, 400, 100, FlagThread)
		}, 401},
		{"what is not known at all before what is", func(h *host) {
			h.open(900, 3, "/x", OpenRead)
		}, 900},
		{"the longest idle process, also where the system says that all exist", func(h *host) {
			h.e.opts.Alive = func(int64) bool { return true }
			h.open(200, 4, "/x", OpenRead)
			h.open(300, 4, "/x", OpenRead)
			for range 2 * sweepSteps {
				h.ts += 2 * uint64(DefaultSweepEvery) / sweepSteps
				h.tick()
			}
			h.open(200, 4, "/x", OpenRead)
		}, 400},
		{"not the agent itself", func(h *host) { h.e.opts.Self = 200 }, 300},
		{"a process without children before its parent", func(h *host) {
			h.clone(200, 250, 0)
			h.open(300, 3, "/x", OpenRead)
			h.open(400, 3, "/x", OpenRead)
		}, 250},
		{"one whose end was lost", func(h *host) {
			h.e.opts.Alive = func(pid int64) bool { return pid != 300 }
			h.ts += 2 * uint64(DefaultIdleAfter)
		}, 300},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			for i := range int64(3) {
				h.clone(100, 200+100*i, 0)
				h.open(200+100*i, 0, "/y", OpenRead)
			}
			if tt.do != nil {
				tt.do(h)
			}
			h.e.opts.MaxThreads = h.e.NumThreads()
			h.clone(100, 7000, 0)
			h.absent(tt.victim)
			h.thread(7000)
			equal(t, "threads", h.e.NumThreads(), h.e.opts.MaxThreads)
			checkTables(t, h.e)
		})
	}
}

func TestFullTableOfProtectedThreadsRefuses(t *testing.T) {
	h := newHostWith(t, Options{MaxThreads: 2, BootTime: boot})
	h.clone(100, 200, 0)
	h.absent(200)
	equal(t, "refused", h.e.Counters().ThreadsRefused, 1)
	checkTables(t, h.e)
}

// TestForkStormsDoNotGrowTheModel plays a day of forks with ids that come
// again, some exits lost.
func TestForkStormsDoNotGrowTheModel(t *testing.T) {
	n := 40_000
	r := rand.New(rand.NewPCG(3, 4))
	live := map[int64]bool{1: true, 100: true}
	h := newHostWith(t, Options{BootTime: boot, Alive: func(tid int64) bool { return live[tid] }})
	h.open(100, 3, "/x", OpenRead)
	step := uint64(24*3600e9) / uint64(n)
	cycle := func(i int) {
		tid := 300 + int64(i)%8_000 // comes again after a while
		h.ts += step
		h.clone(100, tid, 0)
		if i%2 == 0 {
			h.exec(tid, "/bin/ls", p{"ptid": 100, "args": []string{fmt.Sprint(i % 100)}})
		}
		h.open(tid, 4, "/etc/ld.so.cache", OpenRead)
		if r.IntN(10) > 0 {
			h.exit(tid)
		}
	}
	for i := range 10_000 {
		cycle(i)
	}
	before := heap()
	for i := range n {
		cycle(i)
	}
	h.tick()
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("the heap grew by %d kB", grown>>10)
	}
	// Nobody outlives the time in which everybody is looked at once, by much.
	if most := int(2*uint64(DefaultIdleAfter+DefaultSweepEvery)/step) + 100; h.e.NumThreads() > most {
		t.Errorf("%d threads of %d processes are left, at most %d were expected", h.e.NumThreads(), n, most)
	}
	checkTables(t, h.e)
	if c := h.e.Counters(); c.ThreadsGone == 0 {
		t.Errorf("no exits were lost: %+v", c)
	}
}
