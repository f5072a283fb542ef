// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/evtset"
)

// Why tells why one call is collected, or why not. The zero value is a call
// that nobody asked for.
type Why struct {
	Syscall   scap.SC
	On        bool
	Enter     bool     // its enter half is collected too
	Rules     []string // the rules that ask for it
	AllRules  int      // rules without event types, which ask for every call
	State     bool     // the model of the host needs it
	User      bool     // named in the custom set
	Repair    bool     // added to keep the model sound
	Plugin    bool
	Consumers []string // others who need it
	Always    bool     // process exit
	Removed   bool     // taken out by !name
	Excluded  bool     // taken out for its volume
	Spared    bool     // a tracepoint that no rule names
}

// Why explains one call.
func (r *Result) Why(sc scap.SC) Why {
	w := Why{
		Syscall: sc, On: r.Selection.Exit.Has(sc), Enter: r.Selection.Enter.Has(sc),
		User:   r.positive.Has(sc),
		Plugin: r.in.Plugins.Has(sc),
		Always: sinsp.ProcessExit().Has(sc),
	}
	for _, rule := range r.in.Rules {
		switch {
		case !rule.Syscalls.Has(sc):
		case rule.Syscalls == r.whatever:
			w.AllRules++
		default:
			w.Rules = append(w.Rules, rule.Name)
		}
	}
	for _, c := range r.in.Consumers {
		if c.Syscalls.Has(sc) {
			w.Consumers = append(w.Consumers, c.Name)
		}
	}
	switch {
	case r.in.Repair && r.positive.IsEmpty():
		w.Repair = w.On && !r.Rules.Has(sc) && !w.Plugin && w.Consumers == nil
	case r.positive.IsEmpty():
		w.State = r.base.Has(sc)
	}
	w.Repair = w.Repair || r.repaired.Has(sc)
	if !w.On {
		w.Removed = r.negative.Has(sc)
		w.Excluded = r.Excluded.Has(sc)
		w.Spared = r.in.SpareTracepoints && Tracepoints.Has(sc)
	}
	return w
}

// Checks returns the parts of a rule's condition because of which it asks for
// a call, and reports whether it asks at all. Without a condition at hand there
// are none.
func (r *Result) Checks(rule string, sc scap.SC) (parts []evtset.Reason, asks bool) {
	for i := range r.in.Rules {
		x := &r.in.Rules[i]
		if x.Name != rule || !x.Syscalls.Has(sc) {
			continue
		}
		if x.Tree == nil {
			return nil, true
		}
		if r.reasons == nil {
			r.reasons = map[string]*evtset.Reasons{}
		}
		if r.reasons[rule] == nil {
			r.reasons[rule] = evtset.NewReasons(x.Tree)
		}
		return r.reasons[rule].Of(sc), true
	}
	return nil, false
}

// Whatever returns the rules without event types, which ask for every call.
func (r *Result) Whatever() []string {
	var out []string
	for _, rule := range r.in.Rules {
		if rule.Syscalls == r.whatever {
			out = append(out, rule.Name)
		}
	}
	return out
}

// Explain returns the reasons of every call that is collected, or asked for
// and left out, by code.
func (r *Result) Explain() []Why {
	var list []Why
	for sc := range r.Selection.Exit.Union(r.Rules).Union(r.positive).Union(r.Excluded).All() {
		list = append(list, r.Why(sc))
	}
	return list
}

// String returns one line: the name, on or off, and the reasons.
func (w Why) String() string {
	verdict := "off"
	if w.On {
		verdict = "on"
	}
	return fmt.Sprintf("%s %s (%s)", w.Syscall, verdict, strings.Join(w.Reasons(), "; "))
}

// Reasons returns the reasons in a few words each, those for it first.
func (w Why) Reasons() []string {
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
	add(len(w.Consumers) > 0, "needed by "+strings.Join(w.Consumers, ", "))
	add(w.Always, "always")
	add(w.Removed, "removed by !name")
	add(w.Excluded, "high volume, needs -A")
	add(w.Spared, "tracepoint that no rule names")
	return why
}
