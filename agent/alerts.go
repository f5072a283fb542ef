// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"

	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/state"
)

// initOutputs makes the queue that leads to standard output.
func (r *run) initOutputs() (bool, error) {
	if r.opts.DryRun {
		return false, nil
	}
	if err := r.checkOutputs(); err != nil {
		return true, err
	}
	r.alerts = output.NewQueue(r.Stdout, r.cfg.QueueCapacity, r.cfg.BufferedOutputs)
	return false, nil
}

// checkOutputs refuses a run whose alerts nobody would see.
func (r *run) checkOutputs() error {
	later := []struct {
		name string
		on   bool
	}{
		{"file_output", r.cfg.File.Enabled}, {"syslog_output", r.cfg.Syslog},
		{"program_output", r.cfg.Program.Enabled}, {"http_output", r.cfg.HTTP.Enabled},
	}
	for _, l := range later {
		if l.on {
			r.log.Warn(l.name + " is enabled, but this release writes alerts to standard output only")
		}
	}
	for _, l := range []struct {
		name string
		on   bool
	}{
		{"webserver", r.cfg.Webserver.Enabled}, {"metrics", r.cfg.Metrics.Enabled}, {"capture", r.cfg.Capture.Enabled},
	} {
		if l.on {
			r.log.Warn(l.name + " is enabled, but this release has none yet")
		}
	}
	if !r.cfg.Stdout {
		return messagef("No output configured, please make sure at least one output is configured and enabled. (-o stdout_output.enabled=true)")
	}
	return nil
}

// ruleOutput is how a rule's alerts are made.
type ruleOutput struct {
	text   *format.Format
	fields *format.Object
}

// alertMaker turns matches into lines. It belongs to the event loop.
type alertMaker struct {
	form    output.Form
	outputs []ruleOutput // by rules.Rule.Index
	// Scratch, reused.
	text, object, line []byte
}

func (r *run) newAlertMaker(cat fields.Catalog) (*alertMaker, error) {
	m := &alertMaker{
		form: output.Form{
			JSON: r.cfg.JSONOutput, ISO8601: r.cfg.TimeISO8601, Hostname: r.hostname(),
			Output: r.cfg.JSONOutputKey, Message: r.cfg.JSONMessage, Fields: r.cfg.JSONFields, Tags: r.cfg.JSONTags,
		},
		outputs: make([]ruleOutput, len(r.set.Rules())),
	}
	var opts []format.Option
	if r.cfg.BufferBase64 {
		opts = append(opts, format.Base64Buffers)
	}
	for _, rule := range r.set.Enabled() {
		if rule.Source != SourceSyscall {
			continue
		}
		o, err := m.compile(cat, rule, opts)
		if err != nil {
			return nil, fmt.Errorf("output of rule %q: %w", rule.Name, err)
		}
		m.outputs[rule.Index] = o
	}
	return m, nil
}

func (m *alertMaker) compile(cat fields.Catalog, rule *rules.Rule, opts []format.Option) (ruleOutput, error) {
	text, err := format.CompileOutput(cat, rule.Format, opts...)
	if err != nil {
		return ruleOutput{}, err
	}
	o := ruleOutput{text: text}
	if !m.form.JSON || !m.form.Fields {
		return o, nil
	}
	o.fields = format.NewObject(text)
	if m.form.ISO8601 {
		o.fields.AddTime("evt.time.iso8601")
	} else {
		o.fields.AddTime("evt.time")
	}
	for _, x := range rule.Extra {
		if x.Format == "" {
			err = o.fields.AddField(cat, x.Key, x.Key)
		} else {
			var f *format.Format
			if f, err = format.CompileOutput(cat, x.Format, opts...); err == nil {
				o.fields.AddFormat(x.Key, f)
			}
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// make returns the alert's line. It lives until the next call.
func (m *alertMaker) make(ev *state.Event, rule *rules.Rule) []byte {
	o := &m.outputs[rule.Index]
	m.text, _ = o.text.AppendText(m.text[:0], ev)
	m.object = m.object[:0]
	if o.fields != nil {
		m.object = o.fields.Append(m.object, ev)
	}
	a := output.Alert{
		TimeNS: ev.Timestamp(), Priority: rule.Priority.String(), Rule: rule.Name, Source: rule.Source,
		Tags: rule.Tags, Message: m.text, Fields: m.object,
	}
	m.line = m.form.Append(m.line[:0], &a)
	return m.line
}
