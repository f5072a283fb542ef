// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

// Why tells why one call is collected, or why not. The zero value is a call
// that nobody asked for.
type Why struct {
	Syscall  scap.SC
	On       bool
	Rules    []string // the rules that ask for it
	AllRules int      // rules without event types, which ask for every call
	State    bool     // the model of the host needs it
	User     bool     // named in the custom set
	Repair   bool     // added to keep the model sound
	Plugin   bool
	Always   bool // process exit
	Removed  bool // taken out by !name
	Excluded bool // taken out for its volume
}

// Why explains one call.
func (r *Result) Why(sc scap.SC) Why {
	w := Why{
		Syscall: sc, On: r.Selection.Exit.Has(sc),
		User:   r.positive.Has(sc),
		Plugin: r.in.Plugins.Has(sc),
		Always: sinsp.ProcessExit().Has(sc),
	}
	for _, rule := range r.in.Rules {
		switch {
		case !rule.Syscalls.Has(sc):
		case rule.Syscalls == anyRule:
			w.AllRules++
		default:
			w.Rules = append(w.Rules, rule.Name)
		}
	}
	switch {
	case r.in.Repair && r.positive.IsEmpty():
		w.Repair = w.On && !r.Rules.Has(sc)
	case r.positive.IsEmpty():
		w.State = r.base.Has(sc)
	}
	w.Repair = w.Repair || r.repaired.Has(sc)
	if !w.On {
		w.Removed = r.negative.Has(sc)
		w.Excluded = r.Excluded.Has(sc)
	}
	return w
}

// Explain returns the reasons of every call that is collected, or asked for
// and left out, by code.
func (r *Result) Explain() []Why {
	var list []Why
	for sc := range r.Selection.Exit.Union(r.Rules).Union(r.positive).All() {
		list = append(list, r.Why(sc))
	}
	return list
}

// String returns one line: the name, on or off, and the reasons.
func (w Why) String() string {
	var why []string
	add := func(is bool, text string) {
		if is {
			why = append(why, text)
		}
	}
	add(len(w.Rules) > 0, "rules: "+strings.Join(w.Rules, ", "))
	add(w.AllRules > 0, fmt.Sprintf("rules without event type: %d", w.AllRules))
	add(w.State, "state")
	add(w.User, "user")
	add(w.Repair, "repair")
	add(w.Plugin, "plugins")
	add(w.Always, "always")
	add(w.Removed, "removed by !name")
	add(w.Excluded, "high volume, needs -A")
	verdict := "off"
	if w.On {
		verdict = "on"
	}
	return fmt.Sprintf("%s %s (%s)", w.Syscall, verdict, strings.Join(why, "; "))
}
