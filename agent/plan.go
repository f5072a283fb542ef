// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/metrics"
	"github.com/tiercel/tiercel/agent/reload"
	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/fields/hostnames"
)

// plan is what configuration and rules make of a run. The start makes one; a
// reload makes another beside it and puts it in its place. Once it is in force
// it does not change.
type plan struct {
	cfg     *config.Config
	fields  *fields.Table // see catalog
	names   *hostnames.Resolver
	set     *rules.Ruleset
	sel     *selection.Result
	matcher *rules.Matcher
	maker   *alertMaker
	sums    []metrics.FileSum // of the rules files

	changed []string           // keys that a reload found changed
	stop    context.CancelFunc // of what runs for this plan alone; nil: nothing
}

// compile makes the matcher and what formats its alerts.
func (r *run) compile() error {
	mode := rules.MatchFirst
	if r.cfg.RuleMatching == "all" {
		mode = rules.MatchAll
	}
	var err error
	if r.matcher, err = r.set.Compile(mode); err != nil {
		return err
	}
	r.maker, err = r.newAlertMaker(r.catalog())
	return err
}

// begin starts what runs beside the event loop for this plan alone.
func (r *run) begin() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.resolveNames(ctx)
}

// end ends it.
func (p *plan) end() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// next makes the plan that configuration and rules would make of this run now.
// Nothing of it is in force yet. Its error is the one that a start would end
// with.
func (r *run) next() (*run, error) {
	n := *r
	n.plan = &plan{}
	if err := n.readConfig(); err != nil {
		return nil, err
	}
	n.logConfig()
	n.changed = config.Changed(r.cfg, n.cfg)
	keep(n.cfg, r.cfg)
	if err := errors.Join(n.checkOutputs(), n.cfg.CheckMetrics()); err != nil {
		return nil, err
	}
	if done, err := n.loadRules(); done || err != nil {
		return nil, err
	}
	if err := n.choose(); err != nil {
		return nil, err
	}
	return &n, n.compile()
}

// readConfig reads the configuration and sees to it that its files are watched
// before anything else is read: what changes later is noticed.
func (r *run) readConfig() error {
	for {
		cfg, err := config.Load(*r.configSource())
		if err != nil {
			return err
		}
		r.cfg = cfg
		if r.ends() {
			return nil
		}
		if r.files == nil {
			r.files = reload.New(reload.Options{
				Debounce: time.Duration(cfg.WatchDebounceMS) * time.Millisecond, Poll: time.Duration(cfg.WatchIntervalMS) * time.Millisecond,
			})
		}
		if !r.files.Set(r.watched()) {
			return nil
		}
		// What was read before it was watched may have changed unseen.
	}
}

// watched are the files that a change of makes a reload.
func (r *run) watched() reload.Paths {
	if !r.cfg.WatchConfigFiles {
		return reload.Paths{}
	}
	p := reload.Paths{Wants: isRulesFile}
	p.Files, p.Folders = r.cfg.Watched()
	paths := r.opts.Rules
	if len(paths) == 0 {
		paths = r.cfg.RulesFiles
	}
	for _, path := range paths {
		if isFolder(path) {
			p.Folders = append(p.Folders, path)
		} else {
			p.Files = append(p.Files, path)
		}
	}
	return p
}

// fixed are the parts of the configuration that are built into what a reload
// leaves alone, and how they are kept.
var fixed = []struct {
	section string
	keep    func(next, now *config.Config)
}{
	{"engine", func(next, now *config.Config) {
		ratio, names := next.Engine.SamplingRatio, next.Engine.CheckNames
		next.Engine = now.Engine
		next.Engine.SamplingRatio, next.Engine.CheckNames = ratio, names
	}},
	{"containers", func(next, now *config.Config) { next.Containers = now.Containers }},
	{"state", func(next, now *config.Config) { next.State = now.State }},
	{"falco_libs", func(next, now *config.Config) {
		next.ThreadTableSize, next.ThreadPurgeS, next.ThreadTimeoutS = now.ThreadTableSize, now.ThreadPurgeS, now.ThreadTimeoutS
		next.Snaplen = now.Snaplen
	}},
	{"load_plugins", func(next, now *config.Config) { next.LoadPlugins = now.LoadPlugins }},
	{"plugins", func(next, now *config.Config) { next.Plugins = now.Plugins }},
	{"watch_interval_ms", func(next, now *config.Config) { next.WatchIntervalMS = now.WatchIntervalMS }},
	{"watch_debounce_ms", func(next, now *config.Config) { next.WatchDebounceMS = now.WatchDebounceMS }},
	{"plugins_hostinfo", func(next, now *config.Config) { next.HostInfo = now.HostInfo }},
}

// movable are keys of fixed parts that can change while the agent runs.
var movable = []string{"engine.modern_ebpf.sampling_ratio", "engine.check_names"}

// keep puts what only a restart can change back to what it is.
func keep(next, now *config.Config) {
	for _, f := range fixed {
		f.keep(next, now)
	}
}

// needRestart returns which of the changed keys have no effect before a restart.
func needRestart(changed []string) []string {
	var out []string
	for _, key := range changed {
		for _, f := range fixed {
			if config.InSection([]string{key}, f.section) && !config.InSection(movable, key) {
				out = append(out, key)
			}
		}
	}
	return out
}

func (p *plan) String() string {
	if p.sel == nil { // a capture
		return fmt.Sprintf("%d rules", len(p.matcher.Rules()))
	}
	return fmt.Sprintf("%d rules, %d system calls", len(p.matcher.Rules()), len(p.sel.Selection.Exit.Names()))
}
