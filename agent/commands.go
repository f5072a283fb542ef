// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/agent/captool"
	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/drivercmd"
	"github.com/tiercel/tiercel/agent/rulecost"
	"github.com/tiercel/tiercel/agent/rulework"
	"github.com/tiercel/tiercel/agent/webserver"
	"github.com/tiercel/tiercel/drivers"
)

// command does what the first words of the command line ask for.
func (r *run) command() error {
	if r.opts.Help {
		r.print("%s", r.opts.HelpText)
		return nil
	}
	switch r.opts.Command {
	case cmdline.Complete:
		r.complete()
		return nil
	case cmdline.DriverDoctor:
		return drivers.WriteDoctor(r.Stdout, r.opts.JSON)
	case cmdline.DriverBuild, cmdline.DriverLoad, cmdline.DriverUnload, cmdline.DriverSet, cmdline.DriverStatus:
		return r.orFallback(drivercmd.Run(drivercmd.System{Stdout: r.Stdout, Version: Version}, r.opts))
	case cmdline.Health:
		return r.askHealth()
	case cmdline.CaptureRecord, cmdline.CapturePrint, cmdline.CaptureInfo:
		return r.captureCommand()
	case cmdline.RulesCheck:
		return r.ruleCommand(rulework.Check)
	case cmdline.RulesTest:
		return r.ruleCommand(rulework.Test)
	case cmdline.RulesProfile:
		return r.profileRules()
	case cmdline.RulesExplainPlan:
		return r.explainPlan()
	case cmdline.SyscallsExplain:
		return r.explainCalls()
	case cmdline.SyscallsDiff:
		return r.diffCalls()
	}
	return fmt.Errorf("tiercel %s: there is no such command", r.opts.Command)
}

// orFallback makes a warning of the failure to prepare a driver where the
// configuration has others for that case: the agent, which starts next, takes
// one of them and says so.
func (r *run) orFallback(err error) error {
	if err == nil || !r.opts.Driver.OrFallback {
		return err
	}
	cfg, unreadable := config.Load(*r.configSource())
	if unreadable != nil {
		return fmt.Errorf("%w\nwhether engine.fallback names another driver cannot be told: %w", err, unreadable)
	}
	if len(cfg.Engine.Fallback) == 0 {
		return err
	}
	r.notice("Warning: " + err.Error() + "; engine.fallback is taken: " + strings.Join(cfg.Engine.Fallback, ", "))
	return nil
}

// captureCommand has nothing to do with the configuration file.
func (r *run) captureCommand() error {
	sys := captool.System{
		Stdout: r.Stdout, Stderr: r.Stderr, Signals: r.Signals, Open: r.Open,
		State: r.hostState(),
	}
	switch r.opts.Command {
	case cmdline.CaptureRecord:
		return captool.Record(&sys, &r.opts.Capture)
	case cmdline.CapturePrint:
		return captool.Print(&sys, &r.opts.Capture)
	}
	return captool.Info(&sys, &r.opts.Capture)
}

// askHealth asks the agent that runs on this host how it is. Health checks come
// every few seconds, so what is odd about the configuration is not repeated.
func (r *run) askHealth() error {
	if r.opts.Running {
		if err := likeRunning("/proc", r.opts); err != nil {
			return err
		}
	}
	cfg, err := config.Load(*r.configSource())
	if err != nil {
		return err
	}
	if err := webserver.Ask(&cfg.Webserver, r.opts.Timeout); err != nil {
		return err
	}
	r.print("ok\n")
	return nil
}

// readConfigQuietly reads the configuration for a command: what is odd about
// it is said, but there is no log and nothing is watched.
func (r *run) readConfigQuietly() error {
	cfg, err := config.Load(*r.configSource())
	if err != nil {
		return err
	}
	for _, w := range append(r.opts.Warnings, cfg.Warnings...) {
		r.notice(w)
	}
	r.cfg = cfg
	return nil
}

// load loads configuration and rules quietly for a command. The rules are those
// of the configuration or of -r, unless files are given.
func (r *run) load(files []string) (*run, error) {
	n := *r
	opts := *r.opts
	n.opts, n.plan = &opts, &plan{}
	if len(files) > 0 {
		opts.Rules = files
	}
	if err := n.readConfigQuietly(); err != nil {
		return nil, err
	}
	_, err := n.loadRules()
	return &n, err
}

// explainPlan is rules explain-plan: how events find the rules.
func (r *run) explainPlan() error {
	w := &r.opts.Work
	n, err := r.load(w.Files)
	if err != nil {
		return err
	}
	return rulecost.Explain(r.Stdout, n.set, rulecost.ExplainOptions{Events: w.Events, Rules: w.RuleNames, JSON: w.JSON})
}

// ruleCommand runs a command on rules; its status is the exit status.
func (r *run) ruleCommand(do func(rulework.Env, *cmdline.Work) (int, error)) error {
	if err := r.readConfigQuietly(); err != nil {
		return &exitError{err, rulework.StatusTrouble}
	}
	env := rulework.Env{
		Stdout: r.Stdout, Rules: r.ruleOptions(), All: r.cfg.RuleMatching == "all", Files: r.opts.Rules, Forced: len(r.opts.Rules) > 0,
	}
	if !env.Forced {
		env.Files = r.cfg.RulesFiles
	}
	status, err := do(env, &r.opts.Work)
	if status == rulework.StatusOK && err == nil {
		return nil
	}
	return &exitError{err, status}
}
