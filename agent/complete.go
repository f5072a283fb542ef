// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// complete answers the completion of a shell.
func (r *run) complete() {
	r.print("%s", cmdline.Completions(r.opts.Words, &cmdline.Names{
		Rules: r.installedRules, Fields: fieldNames, Events: eventNames, Keys: keyNames,
		Syscalls: scap.AllSyscalls().SyscallNames,
		Sources:  func() []string { return []string{SourceSyscall} },
	}))
}

// installedRules are the names of the rules that the agent would run with. Where
// something is wrong with them there are none: a completion reports nothing.
func (r *run) installedRules() []string {
	cfg, err := config.Load(*r.configSource())
	if err != nil {
		return nil
	}
	r.cfg = cfg
	files, err := r.readRules()
	if err != nil {
		return nil
	}
	set, _ := rules.Load(files, rules.Options{})
	if set == nil {
		return nil
	}
	var names []string
	for _, rule := range set.Rules() {
		names = append(names, rule.Name)
	}
	return names
}

func fieldNames() []string {
	var names []string
	for _, c := range fields.Default().Classes() {
		for _, f := range c.Fields {
			if !f.Hidden && !f.Deprecated {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

func eventNames() []string {
	var names []string
	for i := range scap.Events {
		names = append(names, scap.Events[i].Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func keyNames() []string {
	var names []string
	for i := range config.Keys {
		if !config.Keys[i].Hidden() {
			names = append(names, config.Keys[i].Path)
		}
	}
	return names
}
