// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/state"
)

type p = scaptest.P

const atFDCWD = -100

// host plays the events of a small machine: init, a shell, a web server.
type host struct {
	e  *state.Engine
	ts uint64
}

func newHost() *host {
	h := &host{e: state.New(state.Options{BootTime: 1_600_000_000e9}), ts: 1_700_000_000e9}
	h.exec(1, 0, "/sbin/init")
	h.exec(100, 1, "/bin/bash")
	h.exec(200, 1, "/usr/sbin/nginx")
	return h
}

func (h *host) event(typ scap.EventType, tid int64, params p) *scap.Event {
	h.ts += 1e6
	return scaptest.Named(typ, h.ts, tid, params)
}

func (h *host) play(typ scap.EventType, tid int64, params p) *state.Event {
	return h.e.Process(h.event(typ, tid, params))
}

func (h *host) exec(tid, parent int64, path string) *state.Event {
	return h.play(scap.EvExecveV19X, tid, execParams(tid, parent, path))
}

func execParams(tid, parent int64, path string) p {
	comm := path
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			comm = path[i+1:]
			break
		}
	}
	return p{"res": 0, "exe": path, "comm": comm, "tid": tid, "pid": tid, "ptid": parent,
		"trusted_exepath": path, "uid": 0, "gid": 0, "fdlimit": 1024, "vpgid": tid, "loginuid": 1000}
}

func (h *host) open(tid, fd int64, path string, flags uint32) *state.Event {
	return h.play(scap.EvOpenatV2X, tid, openParams(fd, path, flags))
}

func openParams(fd int64, path string, flags uint32) p {
	return p{"fd": fd, "dirfd": atFDCWD, "name": path, "flags": flags, "dev": 8, "ino": 42}
}

const matchRules = `
- list: shells
  items: [bash, sh]
- macro: opened_for_reading
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true
- rule: Read shadow
  desc: the file with the passwords is read
  condition: opened_for_reading and fd.name = /etc/shadow
  output: shadow read by %proc.name
  priority: WARNING
  tags: [files]
- rule: Read below etc
  desc: a file of the configuration is read
  condition: opened_for_reading and fd.name startswith /etc/
  output: '%fd.name read'
  priority: INFO
  exceptions:
    - name: programs
      fields: [proc.name, fd.name]
      values:
        - [nginx, /etc/nginx.conf]
- rule: Shell below server
  desc: a server starts a shell
  condition: evt.type = execve and proc.name in (shells) and proc.pname = nginx
  output: shell
  priority: CRITICAL
- rule: Switched off
  desc: would match anything
  condition: evt.type exists
  output: never
  priority: DEBUG
  enabled: false
  warn_evttypes: false
`

func load(t testing.TB, text string, opts Options) *Ruleset {
	t.Helper()
	rs, rep := Load([]File{{"rules.yaml", []byte(text)}}, opts)
	if rs == nil {
		t.Fatal(rep.Err())
	}
	return rs
}

func matcher(t testing.TB, rs *Ruleset, mode Mode) *Matcher {
	t.Helper()
	m, err := rs.Compile(mode)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ruleNames(list []*Rule) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, r.Name)
	}
	return out
}

func TestMatchTellsRulesInOrderOfDefinition(t *testing.T) {
	rs := load(t, matchRules, Options{})
	tests := []struct {
		name  string
		event func(h *host) *state.Event
		want  []string
	}{
		{"two rules", func(h *host) *state.Event { return h.open(100, 3, "/etc/shadow", state.OpenRead) },
			[]string{"Read shadow", "Read below etc"}},
		{"one rule", func(h *host) *state.Event { return h.open(100, 3, "/etc/passwd", state.OpenRead) },
			[]string{"Read below etc"}},
		{"written, not read", func(h *host) *state.Event { return h.open(100, 3, "/etc/passwd", state.OpenWrite) },
			[]string{}},
		{"an exception", func(h *host) *state.Event { return h.open(200, 3, "/etc/nginx.conf", state.OpenRead) },
			[]string{}},
		{"an exception for another program", func(h *host) *state.Event { return h.open(100, 3, "/etc/nginx.conf", state.OpenRead) },
			[]string{"Read below etc"}},
		{"a parent", func(h *host) *state.Event { return h.exec(300, 200, "/bin/sh") },
			[]string{"Shell below server"}},
		{"another parent", func(h *host) *state.Event { return h.exec(300, 1, "/bin/sh") },
			[]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, first := matcher(t, rs, MatchAll), matcher(t, rs, MatchFirst)
			ev := tt.event(newHost())
			if got := ruleNames(all.Match(ev)); !slices.Equal(got, tt.want) {
				t.Errorf("all: %q, want %q", got, tt.want)
			}
			if got := ruleNames(first.Match(ev)); !slices.Equal(got, tt.want[:min(1, len(tt.want))]) {
				t.Errorf("first: %q, want the first of %q", got, tt.want)
			}
		})
	}
}

func TestMatchCountsEveryMatch(t *testing.T) {
	h := newHost()
	m := matcher(t, load(t, matchRules, Options{}), MatchAll)
	for range 3 {
		m.Match(h.open(100, 3, "/etc/passwd", state.OpenRead))
	}
	m.Match(h.open(100, 4, "/etc/shadow", state.OpenRead))
	got := map[string]uint64{}
	for r, n := range m.Matches {
		got[r.Name] = n
	}
	if got["Read below etc"] != 4 || got["Read shadow"] != 1 || got["Shell below server"] != 0 || len(got) != 3 {
		t.Errorf("counted %v", got)
	}
}

func TestCostsCountEvaluationsAndTime(t *testing.T) {
	h := newHost()
	m := matcher(t, load(t, matchRules, Options{}), MatchAll)
	ev := h.open(100, 3, "/etc/passwd", state.OpenRead)
	const events = 20_000
	for range events {
		m.Match(ev)
	}
	m.Publish()
	got := map[string]Cost{}
	for c := range m.Costs {
		got[c.Rule.Name] = c
	}
	if c := got["Read below etc"]; c.Matches != events || c.Evaluations != events || c.Nanoseconds == 0 {
		t.Errorf("a rule that always matches: %+v", c)
	}
	if c := got["Shell below server"]; c.Matches != 0 || c.Evaluations != 0 || c.Nanoseconds != 0 {
		t.Errorf("a rule on other events: %+v", c)
	}
}

// A reload compiles while the old rules are at work, and others read costs.
func TestCompileBesideAMatcherInUse(t *testing.T) {
	old := load(t, matchRules, Options{})
	m := matcher(t, old, MatchAll)
	done := make(chan error, 2)
	go func() {
		var err error
		for range 20 {
			rs, rep := Load([]File{{"rules.yaml", []byte(matchRules)}}, Options{})
			if rs == nil {
				err = rep.Err()
				break
			}
			if _, err = rs.Compile(MatchFirst); err != nil {
				break
			}
			if _, err = old.Compile(MatchFirst); err != nil { // the same set once more
				break
			}
		}
		done <- err
	}()
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
				for range m.Costs {
				}
				m.Totals()
			}
		}
	}()
	h := newHost()
	ev := h.open(100, 3, "/etc/passwd", state.OpenRead)
	for range 5000 {
		if len(m.Match(ev)) != 1 {
			t.Error("no match")
			break
		}
	}
	close(stop)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestCostsSurviveAReload(t *testing.T) {
	h := newHost()
	old := matcher(t, load(t, matchRules, Options{}), MatchAll)
	m := matcher(t, load(t, matchRules, Options{}), MatchAll)
	ev := h.open(100, 3, "/etc/passwd", state.OpenRead)
	old.Match(ev)
	m.Adopt(old)
	m.Match(ev)
	m.Publish()
	for c := range m.Costs {
		if c.Rule.Name == "Read below etc" && (c.Matches != 2 || c.Evaluations != 2) {
			t.Errorf("after the reload: %+v", c)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	h := newHost()
	m := matcher(t, load(t, matchRules, Options{}), MatchAll)
	hit := h.event(scap.EvOpenatV2X, 100, openParams(3, "/etc/shadow", state.OpenRead))
	miss := h.event(scap.EvCloseX, 100, p{"res": 0, "fd": 3})
	n := testing.AllocsPerRun(1000, func() {
		if len(m.Match(h.e.Process(hit))) != 2 {
			t.Fatal("no match")
		}
		if len(m.Match(h.e.Process(miss))) != 0 {
			t.Fatal("a match")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations an event pair", n)
	}
}

// mix is what a host with a shell and a server does, most of it harmless.
func (h *host) mix() []*scap.Event {
	var out []*scap.Event
	add := func(typ scap.EventType, tid int64, params p) { out = append(out, h.event(typ, tid, params)) }
	for i := range 50 {
		fd := int64(3 + i%5)
		add(scap.EvOpenatV2X, 200, openParams(fd, "/var/www/page.html", state.OpenRead))
		add(scap.EvCloseX, 200, p{"res": 0, "fd": fd})
		add(scap.EvOpenatV2X, 100, openParams(fd, "/usr/lib/x86_64-linux-gnu/libc.so.6", state.OpenRead))
		add(scap.EvCloseX, 100, p{"res": 0, "fd": fd})
		add(scap.EvOpenatV2X, 100, openParams(fd, "/tmp/scratch", state.OpenWrite))
		add(scap.EvCloseX, 100, p{"res": 0, "fd": fd})
		add(scap.EvConnectX, 200, p{"res": 0, "fd": fd, "tuple": scaptest.Tuple("10.0.0.1:40000", "10.0.0.2:5432")})
		if i%10 == 0 {
			add(scap.EvExecveV19X, 300+int64(i), execParams(300+int64(i), 100, "/usr/bin/ls"))
		}
	}
	return out
}

// BenchmarkMatchStockRules measures matching alone, per event of the mix: the
// state is prepared for one event of each kind.
func BenchmarkMatchStockRules(b *testing.B) {
	rs, rep := Load(stockFiles(b), Options{})
	if rs == nil {
		b.Fatal(rep.Err())
	}
	m := matcher(b, rs, MatchAll)
	kinds := map[string]func(h *host) *state.Event{
		"openat read":  func(h *host) *state.Event { return h.open(200, 3, "/var/www/page.html", state.OpenRead) },
		"openat write": func(h *host) *state.Event { return h.open(100, 3, "/tmp/scratch", state.OpenWrite) },
		"openat hit":   func(h *host) *state.Event { return h.open(100, 3, "/etc/shadow", state.OpenRead) },
		"execve":       func(h *host) *state.Event { return h.exec(300, 100, "/usr/bin/ls") },
		"connect": func(h *host) *state.Event {
			return h.play(scap.EvConnectX, 200, p{"res": 0, "fd": 9, "tuple": scaptest.Tuple("10.0.0.1:40000", "10.0.0.2:5432")})
		},
		"close": func(h *host) *state.Event { return h.play(scap.EvCloseX, 200, p{"res": 0, "fd": 9}) },
	}
	for name, play := range kinds {
		b.Run(name, func(b *testing.B) {
			ev := play(newHost())
			b.ReportAllocs()
			for b.Loop() {
				ev.Arena = ev.Arena[:0] // as the engine does for each event
				m.Match(ev)
			}
		})
	}
}

// BenchmarkStateAndMatchStockRules measures state and matching together, per
// event of the mix.
func BenchmarkStateAndMatchStockRules(b *testing.B) {
	rs, rep := Load(stockFiles(b), Options{})
	if rs == nil {
		b.Fatal(rep.Err())
	}
	m := matcher(b, rs, MatchAll)
	h := newHost()
	events := h.mix()
	for _, e := range events { // intern, grow tables
		m.Match(h.e.Process(e))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Match(h.e.Process(events[i]))
		if i++; i == len(events) {
			i = 0
		}
	}
}
