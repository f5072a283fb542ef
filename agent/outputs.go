// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/output/sink"
)

// errNoOutput refuses a run whose alerts nobody would see.
var errNoOutput = messagef("No output configured, please make sure at least one output is configured and enabled. (-o stdout_output.enabled=true)")

// checkOutputs refuses a run whose alerts nobody would see.
func (r *run) checkOutputs() error {
	c := r.cfg
	if c.Stdout || c.Syslog || c.File.Enabled || c.Program.Enabled || c.HTTP.Enabled || c.Unix.Enabled || c.Journald.Enabled {
		return nil
	}
	return errNoOutput
}

// initOutputs opens the outputs.
func (r *run) initOutputs() (bool, error) {
	if err := r.checkOutputs(); err != nil {
		return true, err
	}
	if r.opts.DryRun {
		return false, nil
	}
	r.alerts = r.newHub()
	return false, nil
}

// newHub opens the outputs of the plan.
func (r *run) newHub() *output.Hub {
	o := sink.Options(r.cfg, r.Stdout, r.log.Logger)
	o.Form = r.form()
	return output.NewHub(o, sink.FromConfig(r.cfg, r.Stdout, r.log.Logger)...)
}

// form is how alerts look.
func (r *run) form() output.Form {
	return output.Form{
		JSON: r.cfg.JSONOutput, ISO8601: r.cfg.TimeISO8601, Hostname: r.hostname(),
		Output: r.cfg.JSONOutputKey, Message: r.cfg.JSONMessage, Fields: r.cfg.JSONFields, Tags: r.cfg.JSONTags,
	}
}

// outputTimeout is when a write counts as blocked, and how long the end of a
// run waits for the outputs.
func outputTimeout(c *config.Config) time.Duration {
	return time.Duration(c.OutputTimeoutMS) * time.Millisecond
}

// outputsFor returns the outputs of a new plan: those that are there, unless
// the plan asks for others.
func (r *run) outputsFor(next *run) *output.Hub {
	if sink.Same(r.cfg, next.cfg) {
		return r.alerts
	}
	return next.newHub()
}
