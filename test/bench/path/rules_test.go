// SPDX-License-Identifier: Apache-2.0

package path

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// generated compiles n generated rules.
func generated(tb testing.TB, n int, mode rules.Mode) *rules.Matcher {
	tb.Helper()
	set, report := rules.Load([]rules.File{{Name: "generated.yaml", Content: GenerateRules(n)}}, rules.Options{})
	if set == nil {
		tb.Fatal(report.Err())
	}
	m, err := set.Compile(mode)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// mixProgram is what a process of the mix is.
type mixProgram struct {
	path, comm string
	args       []string
}

var mixPrograms = []mixProgram{
	{"/usr/sbin/nginx", "nginx", nil}, {"/usr/bin/bash", "bash", []string{"-l"}}, {"/usr/lib/postgresql/16/bin/postgres", "postgres", []string{"-D", "/var/lib/postgresql/16/main"}},
	{"/usr/bin/python3.12", "python3", []string{"/srv/app/manage.py", "runserver", "--port", "8000"}}, {"/usr/sbin/sshd", "sshd", []string{"-D"}},
	{"/usr/bin/java", "java", []string{"-Xmx2g", "-jar", "/opt/service/service.jar", "--spring.profiles.active=production"}},
	{"/usr/bin/node", "node", []string{"/srv/web/server.js"}}, {"/usr/bin/cat", "cat", []string{"/etc/hostname"}},
}

var mixFiles = []string{"/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/ld.so.cache", "/var/www/html/index.html", "/proc/self/status",
	"/srv/app/templates/base.html", "/var/lib/postgresql/16/main/base/16384/2619", "/tmp/session-8f2a", "/usr/share/zoneinfo/UTC",
	"/home/alice/notes.txt", "/dev/null", "/etc/resolv.conf", "/var/log/nginx/access.log"}

var mixPeers = []string{"10.0.0.2:5432", "10.0.3.17:443", "192.168.7.9:6379", "93.184.216.34:80"}

// heavyMix is what a host does that changes its state most: files opened for
// reading and writing, programs started, connections made, by several
// programs. prepare gets what comes before an event, such as its process.
func heavyMix() []func(e *state.Engine) *scap.Event {
	var all []func(e *state.Engine) *scap.Event
	ts := uint64(1_700_000_000e9)
	event := func(typ scap.EventType, tid int64, p scaptest.P) *scap.Event {
		ts += 1e6
		return scaptest.Named(typ, ts, tid, p)
	}
	exec := func(tid, parent int64, p mixProgram) *scap.Event {
		return event(scap.EvExecveV19X, tid, execParams(tid, parent, p))
	}
	for i, p := range mixPrograms {
		tid := int64(200 + i)
		with := func(ev *scap.Event) func(*state.Engine) *scap.Event {
			return func(e *state.Engine) *scap.Event {
				e.Process(exec(1, 0, mixProgram{"/usr/lib/systemd/systemd", "systemd", nil}))
				e.Process(exec(100, 1, mixProgram{"/usr/bin/bash", "bash", nil}))
				e.Process(exec(tid, 100, p))
				return ev
			}
		}
		all = append(all, with(exec(tid, 100, p)))
		for j, name := range mixFiles {
			flags := uint32(state.OpenRead)
			if (i+j)%4 == 0 {
				flags = state.OpenWrite
			}
			all = append(all, with(event(scap.EvOpenatV2X, tid, scaptest.P{"fd": int64(3), "dirfd": int64(-100), "name": name, "flags": flags, "dev": 8, "ino": 42 + j})))
		}
		for _, peer := range mixPeers {
			all = append(all, with(event(scap.EvConnectX, tid, scaptest.P{"res": 0, "fd": int64(4), "tuple": scaptest.Tuple("10.0.0.1:40000", peer)})))
		}
	}
	return all
}

func execParams(tid, parent int64, p mixProgram) scaptest.P {
	return scaptest.P{"res": 0, "exe": p.path, "args": p.args, "comm": p.comm, "tid": tid, "pid": tid, "ptid": parent,
		"trusted_exepath": p.path, "uid": 1000, "gid": 1000, "fdlimit": 1024, "vpgid": tid, "loginuid": 1000, "cwd": "/"}
}

// standing returns the events of the mix, each with a model of its own, so that
// they can be matched again and again.
func standing() []*state.Event {
	var all []*state.Event
	for _, prepare := range heavyMix() {
		e := state.New(state.Options{BootTime: 1_600_000_000e9})
		all = append(all, e.Process(prepare(e)))
	}
	return all
}

// cpuTime is what the calling thread has used. Unlike time it hardly depends on
// what else the machine does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(1, &u); err != nil { // RUSAGE_THREAD
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perEvent runs a benchmark over events and reports what one of them takes.
func perEvent(b *testing.B, events int, pass func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	begin := cpuTime()
	for b.Loop() {
		pass()
	}
	n := float64(b.N) * float64(events)
	b.ReportMetric(float64(cpuTime()-begin)/n, "cpu-ns/event")
	b.ReportMetric(float64(b.Elapsed())/n, "ns/event")
}

// BenchmarkStateHeavyMix measures state and match with the stock rules over
// files opened and closed, programs started and connections made by several
// processes that live on.
func BenchmarkStateHeavyMix(b *testing.B) {
	name, set := ruleset(b)
	m, err := set.Compile(rules.MatchFirst)
	if err != nil {
		b.Fatal(err)
	}
	e := state.New(state.Options{BootTime: 1_600_000_000e9})
	var events []*scap.Event
	for _, prepare := range heavyMix() {
		ev := prepare(e)
		events = append(events, ev)
		if p := ev.Type(); p == scap.EvOpenatV2X || p == scap.EvConnectX {
			fd := int64(3)
			if p == scap.EvConnectX {
				fd = 4
			}
			events = append(events, scaptest.Named(scap.EvCloseX, ev.Timestamp()+1, ev.TID(), scaptest.P{"res": 0, "fd": fd}))
		}
	}
	for _, ev := range events {
		m.Match(e.Process(ev))
	}
	b.Log(name)
	perEvent(b, len(events), func() {
		for _, ev := range events {
			m.Match(e.Process(ev))
		}
	})
}

// BenchmarkMatchByNumberOfRules measures matching alone, per event of the
// heavy mix.
func BenchmarkMatchByNumberOfRules(b *testing.B) {
	events := standing()
	for _, n := range []int{100, 1000, 10_000} {
		m := generated(b, n, rules.MatchFirst)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			perEvent(b, len(events), func() {
				for _, ev := range events {
					ev.Arena = ev.Arena[:0]
					m.Match(ev)
				}
			})
			var evals uint64
			m.Publish()
			for c := range m.Costs {
				evals += c.Evaluations
			}
			b.ReportMetric(float64(evals)/float64(b.N)/float64(len(events)), "rules-looked-at/event")
		})
	}
}

func BenchmarkCompileGeneratedRules(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		set, report := rules.Load([]rules.File{{Name: "generated.yaml", Content: GenerateRules(n)}}, rules.Options{})
		if set == nil {
			b.Fatal(report.Err())
		}
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			var m *rules.Matcher
			for b.Loop() {
				m, _ = set.Compile(rules.MatchFirst)
			}
			runtime.KeepAlive(m)
		})
	}
}

// Ten times as many rules must not be ten times the work. Time is too noisy to
// assert; the rules that an event makes the matcher look at are not: per event
// they stay as few as with 100 rules.
func TestWorkForAnEventDoesNotGrowWithTheRules(t *testing.T) {
	events := standing()
	for _, n := range []int{100, 1000, 10_000} {
		m := generated(t, n, rules.MatchAll)
		matches := 0
		for _, ev := range events {
			matches += len(m.Match(ev))
		}
		m.Publish()
		var looked uint64
		for c := range m.Costs {
			looked += c.Evaluations
		}
		perEvent := float64(looked) / float64(len(events))
		t.Logf("%5d rules: %.3f looked at per event, %d matches, %.1f MB", n, perEvent, matches, float64(m.Bytes())/1e6)
		if perEvent > 2 {
			t.Errorf("%d rules: %.1f of them are looked at for an event, want at most 2", n, perEvent)
		}
		if perRule := m.Bytes() / n; n >= 1000 && perRule > 2000 {
			t.Errorf("%d rules take %d bytes each, want at most 2000", n, perRule)
		}
		if allocs := testing.AllocsPerRun(5, func() {
			for _, ev := range events {
				ev.Arena = ev.Arena[:0] // as the engine does for each event
				m.Match(ev)
			}
		}); allocs > 0 {
			t.Errorf("%d rules: %v allocations for %d events", n, allocs, len(events))
		}
	}
}

// Whatever the index leaves out must be false: every rule is asked alone, too,
// on events that are made to match some.
func TestIndexedRulesAgreeWithEachAlone(t *testing.T) {
	set, report := rules.Load([]rules.File{{Name: "generated.yaml", Content: GenerateRules(1000)}}, rules.Options{})
	if set == nil {
		t.Fatal(report.Err())
	}
	all, err := set.Compile(rules.MatchAll)
	if err != nil {
		t.Fatal(err)
	}
	first, err := set.Compile(rules.MatchFirst)
	if err != nil {
		t.Fatal(err)
	}
	alone := make([]*program.Condition, len(all.Rules()))
	for i, r := range all.Rules() {
		if alone[i], _, err = program.Compile(fields.Default(), r.Tree); err != nil {
			t.Fatal(err)
		}
	}
	matched := 0
	for _, ev := range append(standing(), matching()...) {
		var want []*rules.Rule
		for i, r := range all.Rules() {
			if r.Types.Has(ev.Type()) && alone[i].Eval(ev) {
				want = append(want, r)
			}
		}
		got := all.Match(ev)
		if !slices.Equal(got, want) {
			t.Errorf("%s %v: %d rules match, %d alone", ev.Type(), ev.Num, len(got), len(want))
		}
		if got := first.Match(ev); !slices.Equal(got, want[:min(1, len(want))]) {
			t.Errorf("%s: the first match is not the first of %d", ev.Type(), len(want))
		}
		matched += len(want)
	}
	if matched < 20 {
		t.Errorf("only %d matches: the events do not test much", matched)
	}
}

// matching returns events of processes and files that generated rules name.
func matching() []*state.Event {
	var all []*state.Event
	for i := range 1000 {
		g := generator{rand.New(rand.NewPCG(uint64(i), 7)), i}
		names := map[string]string{}
		// What fill chooses for the first places, whatever the shape.
		names["file"] = g.place("file")
		g = generator{rand.New(rand.NewPCG(uint64(i), 7)), i}
		names["name"] = g.place("name")
		p := mixProgram{path: "/usr/bin/" + names["name"], comm: names["name"]}
		e := state.New(state.Options{BootTime: 1_600_000_000e9})
		ev := func(typ scap.EventType, params scaptest.P) {
			all = append(all, e.Process(scaptest.Named(typ, uint64(1_700_000_000e9)+uint64(i), 7, params)))
			e = state.New(state.Options{BootTime: 1_600_000_000e9})
		}
		ev(scap.EvExecveV19X, execParams(7, 1, p))
		ev(scap.EvOpenatV2X, scaptest.P{"fd": int64(3), "dirfd": int64(-100), "name": names["file"], "flags": uint32(state.OpenRead), "dev": 8, "ino": 1})
		ev(scap.EvOpenatV2X, scaptest.P{"fd": int64(3), "dirfd": int64(-100), "name": names["file"], "flags": uint32(state.OpenWrite), "dev": 8, "ino": 1})
	}
	return all
}
