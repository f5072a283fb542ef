// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/program"
)

// What conditions say about the type of events is decided when a program is
// built. That must not differ from asking each event.
func TestTypesDecidedAtBuildAgreeWithAsking(t *testing.T) {
	for seed := range uint64(60) {
		g := &generator{rand.New(rand.NewPCG(seed, 3))}
		b := program.NewBuilder(fields.Default())
		var types []evtset.Types
		var texts []string
		var analyzed []bool
		for range 30 {
			text := g.typeCondition(3)
			cond := parse(t, text)
			set := evtset.AllTypes()
			switch r, err := evtset.Analyze(cond); {
			case g.IntN(4) > 0 && err == nil:
				set = r.Match
				analyzed = append(analyzed, true)
			case g.IntN(2) == 0:
				set = evtset.Types{}
				for range 5 {
					set.Add(scap.EventType(g.IntN(len(scap.Events))))
				}
			}
			if _, _, err := b.Add(cond, set); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			types, texts = append(types, set), append(texts, text)
			analyzed = append(analyzed, false)[:len(types)]
		}
		p := b.Build()
		run := p.NewRun()
		for typ := range scap.EventType(len(scap.Events) + 2) {
			ev := eventOf(t, typ)
			ev.Num = 1 // evt.num counts from 1, which the analysis knows
			var want []int32
			for id := range types {
				holds := p.Holds(int32(id), ev, run)
				if holds && (types[id].Has(typ) || int(typ) >= len(scap.Events) && types[id].All()) {
					want = append(want, int32(id))
				}
				if holds && analyzed[id] && typ > 1 && int(typ) < len(scap.Events) && !types[id].Has(typ) {
					t.Errorf("seed %d: %s holds for %s (%d), for which it would not be asked", seed, texts[id], typ, typ)
				}
			}
			if got := p.Match(ev, run, false); !slices.Equal(got, want) {
				t.Fatalf("seed %d: event %s (%d) matches %v, want %v\n%s", seed, typ, typ, got, want, strings.Join(texts, "\n"))
			}
		}
	}
}

// typeCondition is about the type of events and little else.
func (g *generator) typeCondition(depth int) string {
	names := []string{"open", "openat", "close", "execve", "syncfs", "umount2", "creat", "read", "syscall", "switch", "procexit"}
	if depth == 0 {
		switch g.IntN(7) {
		case 0:
			return "evt.type " + g.pick("=", "!=") + " " + g.pick(names...)
		case 1, 2:
			// The analysis takes syscall.type for evt.type, as the reference
			// does: the last three names are only of the latter.
			if g.IntN(2) == 0 {
				return "syscall.type in " + g.list(names[:len(names)-3], 4)
			}
			return "evt.type in " + g.list(names, 4)
		case 3:
			return "evt.dir " + g.pick("=", "!=") + " " + g.pick("<", ">")
		case 4:
			return g.pick("syscall.type", "evt.type") + " " + g.pick("exists", "startswith open", "contains e", "glob o*")
		case 5:
			return "evt.type.is." + g.pick("openat", "close") + " = 1"
		}
		return "evt.num " + g.pick("> 0", "= 0", "exists")
	}
	switch g.IntN(5) {
	case 0:
		return "not (" + g.typeCondition(depth-1) + ")"
	case 1, 2:
		return "((" + g.typeCondition(depth-1) + ") or (" + g.typeCondition(depth-1) + "))"
	}
	return "((" + g.typeCondition(depth-1) + ") and (" + g.typeCondition(depth-1) + "))"
}
