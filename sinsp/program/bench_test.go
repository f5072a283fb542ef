// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"fmt"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// ruleShapes are typical conditions with a place for a number.
var ruleShapes = []string{
	"evt.type in (open, openat, openat2) and proc.pid > 0 and fd.name startswith /etc/secret%d and not proc.name in (sshd, sudo, su)",
	"evt.type in (execve, execveat) and proc.name in (sh, bash, zsh) and proc.pname = server%d",
	"evt.type in (open, openat, openat2) and proc.pid > 0 and fd.name pmatch (/opt/app%d, /srv) and not proc.pname in (dpkg, rpm, yum)",
	"evt.type in (connect, sendto) and fd.sport = %d and not fd.cnet in (10.0.0.0/8, 192.168.0.0/16)",
	"evt.type in (open, openat, openat2) and proc.name = tool%d and fd.name endswith .key",
	"evt.type = openat and (proc.cmdline contains 'token%d' or proc.cmdline icontains 'PASSWORD') and user.uid != 0",
	"evt.type in (unlink, unlinkat, rename) and fd.name glob /var/log/app%d/*.log",
	"proc.exepath = /tmp/miner%d and proc.is_exe_writable = true",
}

func ruleset(tb testing.TB, n int) ([]filter.Node, []evtset.Types) {
	var conds []filter.Node
	var types []evtset.Types
	for i := range n {
		cond := parse(tb, fmt.Sprintf(ruleShapes[i%len(ruleShapes)], i))
		r, err := evtset.Analyze(cond)
		if err != nil {
			tb.Fatal(err)
		}
		conds, types = append(conds, cond), append(types, r.Match)
	}
	return conds, types
}

func compile(tb testing.TB, cat *catalog, n int) *program.Program {
	b := program.NewBuilder(cat)
	conds, types := ruleset(tb, n)
	for i := range conds {
		if _, _, err := b.Add(conds[i], types[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Build()
}

// openEvent sets the values of an openat of a shell and returns its event.
func openEvent(tb testing.TB, cat *catalog) *state.Event {
	for field, value := range map[string]string{
		"evt.type": "openat", "fd.name": "/opt/data/file.txt", "proc.name": "bash", "proc.pname": "sshd", "proc.pid": "4711",
		"proc.cmdline": "bash -c cat /opt/data/file.txt", "proc.exepath": "/usr/bin/bash", "user.uid": "1000",
		"proc.is_exe_writable": "false", "fd.sport": "443", "fd.cnet": "10.0.0.1",
	} {
		cat.set(tb, field, value)
	}
	for _, e := range scap.EventsNamed("openat") {
		if i := e.Info(); i.Status == scap.StatusDriver && i.Dir == scap.Exit {
			return eventOf(tb, e)
		}
	}
	tb.Fatal("openat has no live event")
	return nil
}

func TestMatchDoesNotAllocate(t *testing.T) {
	cat := newCatalog()
	ev := openEvent(t, cat)
	cat.set(t, "list.text", "(-a,-bx,C)")
	cat.set(t, "evt.buffer", "bmdpbng")
	cat.set(t, "fd.ip", "(10.0.0.1,10.0.0.2)")
	cat.set(t, "fd.sip", "2001:db8::1")
	b := program.NewBuilder(cat)
	conds, types := ruleset(t, 50)
	for _, text := range []string{
		"tolower(proc.name) = bash and toupper(list.text) in (A) or b64(evt.buffer) startswith ng",
		"concat(proc.name, '-', proc.pname) = bash-sshd",
		"join('-', (proc.name, proc.pid, user.uid)) = bash-4711-1000 or join(' ', list.text) exists",
		"getopt(list.text, 'ab:')[b] = x and len(getopt(list.text, 'ab:')) = 3",
		"fd.name regex '.*/file[.]t(x|y)t' and fd.name glob *.[a-z]xt and fd.name iglob *.TXT",
		"fd.ip in (10.0.0.2, 10.0.0.3) and fd.ip != 10.0.0.9 and fd.sip != 10.0.0.1",
		"fd.cnet in (10.0.0.0/24, 2001:db8::/32) and fd.cnet = 10.0.0.0/8",
		"fd.name pmatch (/etc, /opt/*/file.txt) and proc.name = oneof (bash, zsh)",
		"list.text intersects val(list.text) and len(proc.cmdline) > len(proc.name) and proc.pname != val(proc.name)",
		"not evt.rawres = 1 and proc.cmdline icontains 'CAT '",
	} {
		if _, _, err := b.Add(parse(t, text), evtset.AllTypes()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range conds {
		if _, _, err := b.Add(conds[i], types[i]); err != nil {
			t.Fatal(err)
		}
	}
	p := b.Build()
	run := p.NewRun()
	matched := len(p.Match(ev, run, false)) // grows the scratch memory
	if matched != 10 {
		t.Errorf("%d conditions match, want 10: %v", matched, p.Match(ev, run, false))
	}
	if n := testing.AllocsPerRun(200, func() { p.Match(ev, run, false) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			cat := newCatalog()
			p := compile(b, cat, n)
			ev := openEvent(b, cat)
			run := p.NewRun()
			b.ReportAllocs()
			for b.Loop() {
				p.Match(ev, run, false)
			}
		})
	}
}

// BenchmarkOneByOne is what the shared program is compared with: each rule a
// condition of its own, asked when the event's type fits.
func BenchmarkOneByOne(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			cat := newCatalog()
			conds, types := ruleset(b, n)
			ev := openEvent(b, cat)
			var compiled []*program.Condition
			for i := range conds {
				if !types[i].Has(ev.Type()) {
					continue
				}
				c, _, err := program.Compile(cat, conds[i])
				if err != nil {
					b.Fatal(err)
				}
				compiled = append(compiled, c)
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range compiled {
					c.Eval(ev)
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	cat := newCatalog()
	conds, types := ruleset(b, 1000)
	for b.Loop() {
		builder := program.NewBuilder(cat)
		for i := range conds {
			if _, _, err := builder.Add(conds[i], types[i]); err != nil {
				b.Fatal(err)
			}
		}
		builder.Build()
	}
}
