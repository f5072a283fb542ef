// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// The compiled program and the naive evaluator must agree on random rulesets
// and events.
func TestProgramAgreesWithNaiveEvaluation(t *testing.T) {
	for seed := range uint64(150) {
		differential(t, seed)
	}
}

func FuzzProgramAgreesWithNaiveEvaluation(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { differential(t, seed) })
}

func differential(t *testing.T, seed uint64) {
	g := &generator{rand.New(rand.NewPCG(seed, 1))}
	cat := newCatalog()
	b := program.NewBuilder(cat)
	var conds []filter.Node
	var types []evtset.Types
	count := 1 + g.IntN(80)
	if g.IntN(8) == 0 {
		count *= 6 // enough for groups in groups
	}
	for range count {
		text := g.condition(3)
		n, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("generated %q: %v", text, err)
		}
		set := evtset.AllTypes()
		if g.IntN(3) == 0 {
			set = evtset.Types{}
			set.Add(scap.EventType(g.IntN(4)))
		}
		id, _, err := b.Add(n, set)
		if err != nil {
			t.Fatalf("generated %q: %v", text, err)
		}
		if int(id) != len(conds) {
			t.Fatalf("id %d, want %d", id, len(conds))
		}
		conds, types = append(conds, n), append(types, set)
	}
	p := b.Build()
	run := p.NewRun()
	for range 8 {
		values := g.event(t, cat)
		typ := scap.EventType(g.IntN(4))
		ev := eventOf(t, typ)
		var want []int32
		for i, n := range conds {
			holds := naive{cat}.eval(n)
			if got := p.Holds(int32(i), ev, run); got != holds {
				t.Fatalf("seed %d: %s is %v, naively %v\nevent %s", seed, n, got, holds, values)
			}
			if holds && types[i].Has(typ) {
				want = append(want, int32(i))
			}
		}
		if got := p.Match(ev, run, false); !slices.Equal(got, want) {
			t.Fatalf("seed %d: type %d matches %v, naively %v\nevent %s", seed, typ, got, want, values)
		}
		if len(want) > 1 {
			want = want[:1]
		}
		if got := p.Match(ev, run, true); !slices.Equal(got, want) {
			t.Fatalf("seed %d: the first match is %v, naively %v", seed, got, want)
		}
	}
}

// generator makes conditions and events in which the same few values occur
// again and again.
type generator struct{ *rand.Rand }

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

var (
	words = []string{"a", "b", "nginx", "NGINX", "sh", "bash", "/usr/bin/sh", "/etc/shadow", "//etc//shadow", "bmdpbng", "\"\"", "\"a b\""}
	globs = []string{"*", "n*", "*sh", "?h", "/etc/*", "[a-n]*", "[!a]*", "*g?n*"}
	ips   = []string{"10.0.0.1", "10.0.0.2", "192.168.1.1", "::1", "2001:db8::1"}
	cidrs = []string{"10.0.0.0/8", "10.0.0.2/32", "0.0.0.0/0", "::/1", "2001:db8::/32"}
	nums  = []string{"0", "1", "2", "3", "7"}
)

func (g *generator) condition(depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.check()
	}
	switch g.IntN(5) {
	case 0:
		return "not (" + g.condition(depth-1) + ")"
	case 1, 2:
		return g.chain(" or ", depth)
	}
	return g.chain(" and ", depth)
}

func (g *generator) chain(sep string, depth int) string {
	var parts []string
	for range 2 + g.IntN(2) {
		parts = append(parts, "("+g.condition(depth-1)+")")
	}
	return strings.Join(parts, sep)
}

func (g *generator) list(values []string, most int) string {
	var l []string
	for range g.IntN(most + 1) {
		l = append(l, g.pick(values...))
	}
	return "(" + strings.Join(l, ", ") + ")"
}

func (g *generator) check() string {
	text := g.pick("proc.name", "proc.pname", "fd.name", "proc.exepath", "tolower(proc.name)", "basename(proc.exepath)",
		"b64(proc.cmdline)", "concat(proc.name, \"-\", proc.pname)", "toupper(proc.pname)", "proc.aname[1]")
	op := g.pick("=", "!=", "contains", "icontains", "startswith", "endswith")
	switch g.IntN(20) {
	case 18:
		return g.pick("evt.buffer", "proc.cmdline") + " " + g.pick("startswith", "endswith", "contains") + " " + g.pick(words...)
	case 19:
		return g.pick(
			"proc.pid > "+g.pick(nums...)+" and proc.pid <= "+g.pick(nums...), "evt.rawres >= -2 and evt.rawres < 1",
			"fd.sport in (1, 2, 443)", "fd.sport >= 1 and fd.sport <= 2", "list.num intersects "+g.list(nums, 3),
			"proc.aname in "+g.list(words, 4), "proc.aname endswith h", "fd.ip in "+g.list(ips, 3), "proc.name < val(proc.pname)",
			"fd.name startswith anyof "+g.list(words, 4), "fd.name pmatch (/usr/bin, /etc/[s]hadow, /*/shadow)",
			"proc.exepath glob \"/usr/*/[s]h\"", "proc.cmdline icontains \"Dpb\"", "proc.cmdline regex \"(bm|xx)dp.*\"",
			"evt.type = openat", "evt.type in (close, openat)", "not evt.type = close")
	case 0, 1, 2:
		return text + " = " + g.pick(words...)
	case 3, 4:
		return text + " " + op + " " + g.pick(words...)
	case 5, 6:
		return text + " " + g.pick("in", "intersects") + " " + g.list(words, 5)
	case 7:
		return text + " " + op + " " + g.pick("oneof", "anyof", "allof") + " " + g.list(words, 4)
	case 8:
		return text + " " + g.pick("glob", "iglob") + " \"" + g.pick(globs...) + "\""
	case 9:
		return text + " regex \"" + g.pick("[a-z]+", "(ba)?sh", ".*/s[h]", "n.*x|a") + "\""
	case 10:
		return text + " pmatch " + g.pick("(/usr)", "(/etc, /usr/bin)", "(/*/bin)", "()", "(/)", "(/etc/shadow)", "(/etc/sh*)")
	case 11:
		return g.pick("proc.pid", "proc.ppid", "evt.rawres", "thread.cpu", "len(proc.name)", "len(list.text)") + " " +
			g.pick("=", "!=", "<", "<=", ">", ">=") + " " + g.pick(nums...)
	case 12:
		return g.pick("proc.pid", "evt.num", "list.num", "thread.cpu") + " " + g.pick("in", "intersects") + " " + g.list(nums, 4)
	case 13:
		return g.pick("fd.cip", "fd.ip") + " " + g.pick("= "+g.pick(ips...), "!= "+g.pick(ips...), "= anyof "+g.list(ips, 3),
			"!= allof "+g.list(ips, 3), "in "+g.list(ips, 3), "!= oneof "+g.list(ips, 3))
	case 14:
		return g.pick("fd.cnet = ", "fd.cnet != ") + g.pick(cidrs...) + " or fd.cnet in " + g.list(cidrs, 3)
	case 15:
		if g.IntN(2) == 0 {
			return "fd.types in " + g.list(words, 4)
		}
		return g.pick("list.text", "tolower(list.text)") + " " + g.pick("in", "intersects") + " " +
			g.pick(g.list(words, 4), "val(list.more)", "toupper(list.more)")
	case 16:
		return g.pick("proc.name = val(proc.pname)", "proc.pid > val(proc.ppid)", "proc.pname != tolower(proc.name)",
			"fd.cip = val(fd.sip)", "len(proc.name) < len(proc.pname)", "proc.is_exe_writable = true",
			"evt.buffer bcontains 6e67", "evt.buffer contains ngi", "proc.aname contains s", "proc.aname != sh")
	}
	return g.pick("proc.name", "proc.pname", "proc.aname", "fd.ip", "list.text", "b64(proc.cmdline)") + " exists"
}

// event gives most fields a value and returns what it chose.
func (g *generator) event(t *testing.T, cat *catalog) string {
	cat.clear()
	var all []string
	set := func(field, value string) {
		if g.IntN(6) == 0 {
			return
		}
		cat.set(t, field, strings.Trim(value, `"`))
		all = append(all, fmt.Sprintf("%s=%s", field, value))
	}
	for _, f := range []string{"proc.name", "proc.pname", "fd.name", "proc.exepath", "proc.cmdline", "evt.buffer", "proc.aname[1]"} {
		set(f, g.pick(words...))
	}
	set("evt.type", g.pick("openat", "close"))
	for _, f := range []string{"proc.pid", "proc.ppid", "evt.num", "evt.rawres", "thread.cpu", "fd.sport"} {
		set(f, g.pick(nums...))
	}
	for _, f := range []string{"fd.cip", "fd.sip", "fd.cnet"} {
		set(f, g.pick(ips...))
	}
	set("proc.is_exe_writable", g.pick("true", "false"))
	set("fd.ip", fmt.Sprintf("(%s,%s)", g.pick(ips...), g.pick(ips...)))
	set("proc.aname", fmt.Sprintf("(%s,%s)", g.pick("a", "sh"), g.pick("b", "bash")))
	for _, f := range []string{"fd.types", "list.text", "list.more"} {
		set(f, g.pick("()", "(a)", "(a,b)", "(b,sh,a)", "(A,NGINX)"))
	}
	set("list.num", g.pick("()", "(1)", "(1,2,3)"))
	return strings.Join(all, " ")
}
