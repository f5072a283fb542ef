// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/evtset"
)

// InputOf returns the input that a configuration and its rules make. What
// consumers of events beside the rules need is for the caller to add.
func InputOf(conf *config.BaseSyscalls, set *rules.Ruleset) (Input, error) {
	state, err := sinsp.ParseGeneration(conf.StateSet)
	if err != nil {
		return Input{}, err
	}
	return Input{
		Rules: RulesOf(set), CustomSet: conf.CustomSet, Repair: conf.Repair, All: conf.All,
		State: state, NegationWins: conf.NegationWins, SpareTracepoints: true,
	}, nil
}

// RulesOf returns what a selection has to know of the enabled rules on system
// calls.
func RulesOf(set *rules.Ruleset) []Rule {
	var out []Rule
	for _, r := range set.Enabled() {
		if r.Source != rules.SourceSyscall {
			continue
		}
		rule := Rule{Name: r.Name, Syscalls: r.Syscalls, Tree: r.Tree}
		for t := range r.Types.Each {
			if !byCall(t) {
				rule.Others = true
				break
			}
		}
		if r.Tree != nil {
			if a, err := evtset.Analyze(r.Tree); err == nil {
				rule.Enter = a.Enter
			}
		}
		out = append(out, rule)
	}
	return out
}

// byCall reports whether events of a type come from the driver's calls and
// tracepoints, and so depend on the selection.
func byCall(t scap.EventType) bool {
	info := t.Info()
	return info == nil || info.Class&(scap.ClassSyscall|scap.ClassTracepoint) != 0
}
