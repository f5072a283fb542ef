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

// ruleOutput is how a rule's alerts are made.
type ruleOutput struct {
	text   *format.Format
	fields *format.Object // nil: not wanted
	waits  bool           // has fields that only a container's runtime knows
}

// alertMaker turns matches into alerts. It belongs to the event loop.
type alertMaker struct {
	outputs []ruleOutput   // by rules.Rule.Index
	same    *format.Format // what makes an alert a duplicate; nil: its message
	// Scratch, reused.
	alert             output.Alert
	text, object, key []byte
}

// newAlertMaker compiles the outputs of all enabled rules.
func (r *run) newAlertMaker(cat fields.Catalog) (*alertMaker, error) {
	m := &alertMaker{outputs: make([]ruleOutput, len(r.set.Rules()))}
	var opts []format.Option
	if r.cfg.BufferBase64 {
		opts = append(opts, format.Base64Buffers)
	}
	if key := output.KeyFormat(r.cfg.Duplicates.Fields); key != "" && r.cfg.Duplicates.WindowMS > 0 {
		var err error
		if m.same, err = format.CompileOutput(cat, key); err != nil {
			return nil, fmt.Errorf("duplicate_alerts.fields: %w", err)
		}
	}
	for _, rule := range r.set.Enabled() {
		if rule.Source != SourceSyscall {
			continue
		}
		o, err := r.compileOutput(cat, rule, opts)
		if err != nil {
			return nil, fmt.Errorf("output of rule %q: %w", rule.Name, err)
		}
		m.outputs[rule.Index] = o
	}
	return m, nil
}

func (r *run) compileOutput(cat fields.Catalog, rule *rules.Rule, opts []format.Option) (ruleOutput, error) {
	text, err := format.CompileOutput(cat, rule.Format, opts...)
	if err != nil {
		return ruleOutput{}, err
	}
	o := ruleOutput{text: text, waits: text.NeedsContainer()}
	if !r.cfg.JSONOutput || !r.cfg.JSONFields {
		return o, nil
	}
	o.fields = format.NewObject(text)
	if r.cfg.TimeISO8601 {
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
	o.waits = o.waits || o.fields.NeedsContainer()
	return o, nil
}

// make returns the alert. It lives until the next call.
func (m *alertMaker) make(ev *state.Event, rule *rules.Rule) *output.Alert {
	o := &m.outputs[rule.Index]
	m.text, _ = o.text.AppendText(m.text[:0], ev)
	m.object = m.object[:0]
	if o.fields != nil {
		m.object = o.fields.Append(m.object, ev)
	}
	a := m.fill(ev.Timestamp(), rule)
	if m.same != nil {
		m.key = m.appendKey(m.key[:0], ev)
		a.Key = m.key
	}
	return a
}

func (m *alertMaker) appendKey(dst []byte, ev *state.Event) []byte {
	dst, _ = m.same.AppendText(dst, ev)
	return dst
}

func (m *alertMaker) fill(ts uint64, rule *rules.Rule) *output.Alert {
	m.alert = output.Alert{
		TimeNS: ts, Priority: rule.Priority.String(), Rule: rule.Name, Source: rule.Source, Tags: rule.Tags,
		Message: m.text, Fields: m.object,
	}
	return &m.alert
}

// early is an alert that waits for what the runtime knows of its container. It
// refers to nothing of its event.
type early struct {
	rule                  *rules.Rule
	output                *ruleOutput
	ts                    uint64
	thread                *state.Thread // has the container and nothing else
	text, object, key     []byte
	textHoles, fieldHoles []format.Hole
}

// makeEarly makes what can be made of an alert now.
func (m *alertMaker) makeEarly(ev *state.Event, rule *rules.Rule) early {
	o := &m.outputs[rule.Index]
	e := early{rule: rule, output: o, ts: ev.Timestamp(), thread: ev.Thread.ContainerStub()}
	e.text, e.textHoles = o.text.AppendEarly(nil, nil, ev)
	if o.fields != nil {
		e.object, e.fieldHoles = o.fields.AppendEarly(nil, nil, ev)
	}
	if m.same != nil {
		e.key = m.appendKey(nil, ev)
	}
	return e
}

// complete makes the alert with what is known by now. It lives until the next
// call of make or complete.
func (m *alertMaker) complete(e *early) *output.Alert {
	m.text = e.output.text.AppendLate(m.text[:0], e.text, e.textHoles, e.thread)
	m.object = m.object[:0]
	if e.output.fields != nil {
		m.object = e.output.fields.AppendLate(m.object, e.object, e.fieldHoles, e.thread)
	}
	a := m.fill(e.ts, e.rule)
	a.Key = e.key
	return a
}
