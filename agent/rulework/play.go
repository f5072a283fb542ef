// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/state"
)

// alert is one alert that a test saw.
type alert struct {
	Rule     string            `json:"rule"`
	Priority string            `json:"priority"`
	Output   string            `json:"output"`
	Fields   map[string]string `json:"fields,omitempty"` // those that the test asks for
	Line     int               `json:"line,omitempty"`   // of the event in the test file
}

// maxAlerts ends a test that floods.
const maxAlerts = 10_000

// runner plays the tests of one file with its rules.
type runner struct {
	set     *rules.Ruleset
	mode    rules.Mode
	catalog fields.Catalog
	formats map[*rules.Rule]*format.Format
}

func newRunner(set *rules.Ruleset, mode rules.Mode, cat fields.Catalog) *runner {
	return &runner{set: set, mode: mode, catalog: cat, formats: map[*rules.Rule]*format.Format{}}
}

// stage is one test while it is played.
type stage struct {
	*runner
	match  *rules.Matcher
	asked  map[string]*format.Format // fields that the test asks for
	alerts []alert
}

// play runs a test and returns its alerts.
func (r *runner) play(f *testFile, c *testCase) ([]alert, error) {
	m, err := r.set.Compile(r.mode)
	if err != nil {
		return nil, err
	}
	s := &stage{runner: r, match: m, asked: map[string]*format.Format{}}
	for i := range c.Expect.alerts {
		for name := range c.Expect.alerts[i].Fields {
			if s.asked[name], err = format.CompileOutput(r.catalog, "%"+name); err != nil {
				return nil, fmt.Errorf("line %d: field %q: %w", c.Expect.alerts[i].line, name, err)
			}
		}
	}
	if c.Capture != "" {
		err = s.capture(f.beside(c.Capture))
	} else {
		err = s.script(f, c)
	}
	return s.alerts, err
}

// script plays events that are written in the test.
func (s *stage) script(f *testFile, c *testCase) error {
	w := newWorld()
	host := c.Host
	if host.Name == "" {
		host.Name = f.Host.Name
	}
	for _, h := range []*hostSpec{&f.Host, &c.Host} {
		if err := w.populate(h); err != nil {
			return err
		}
	}
	for i := range c.Events {
		if err := w.step(&c.Events[i]); err != nil {
			return err
		}
	}
	e := state.New(state.Options{})
	e.HideEnter(true)
	e.PrimeFrom(w.tables(host.Name))
	for i := range w.events {
		ev := &w.events[i]
		s.look(e.Process(&ev.Event), ev.judged, ev.line)
		if len(s.alerts) >= maxAlerts {
			return fmt.Errorf("line %d: the test made %d alerts: it ends here", ev.line, len(s.alerts))
		}
	}
	return nil
}

// populate adds what a test file says about the machine.
func (w *world) populate(h *hostSpec) error {
	for name, uid := range h.Users {
		w.users[name] = uid
	}
	for name, gid := range h.Groups {
		w.groups[name] = gid
	}
	for i := range h.Processes {
		if err := w.stepResident(&h.Processes[i]); err != nil {
			return err
		}
	}
	w.last = nil
	return nil
}

// stepResident adds a process that was there before the first event; it takes
// the attributes of exec.
func (w *world) stepResident(n *yaml.Node) error {
	a, err := newAttrs(n)
	if err != nil {
		return err
	}
	if a.values["parent"] == nil && a.values["by"] == nil {
		a.values["parent"] = &yaml.Node{Kind: yaml.ScalarNode, Value: "systemd", Line: n.Line}
	}
	w.line = n.Line
	from := len(w.events)
	if err := w.stepExec(a); err != nil {
		return err
	}
	for i := from; i < len(w.events); i++ {
		w.events[i].judged = false
	}
	return nil
}

// capture plays a capture file.
func (s *stage) capture(path string) error {
	p, err := replay.Open(path)
	if err != nil {
		return err
	}
	defer p.Close()
	e := replay.NewEngine(0)
	var b scap.Batch
	for {
		err := p.Next(&b, time.Second)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		p.Sync(e)
		for i := range b.Events {
			ev := &b.Events[i]
			if err := replay.CheckSource(ev); err != nil {
				return err
			}
			s.look(e.Process(ev), p.Shows(ev), 0)
		}
		p.Release(&b)
		if err != nil || len(s.alerts) >= maxAlerts {
			return nil
		}
	}
}

// look asks the rules about an event.
func (s *stage) look(ev *state.Event, judged bool, line int) {
	if ev == nil || !judged {
		return
	}
	for _, rule := range s.match.Match(ev) {
		a := alert{Rule: rule.Name, Priority: rule.Priority.String(), Line: line}
		if f := s.format(rule); f != nil {
			text, _ := f.AppendText(nil, ev)
			a.Output = string(text)
		}
		for name, f := range s.asked {
			if a.Fields == nil {
				a.Fields = map[string]string{}
			}
			text, _ := f.AppendText(nil, ev)
			a.Fields[name] = string(text)
		}
		s.alerts = append(s.alerts, a)
	}
}

func (s *stage) format(rule *rules.Rule) *format.Format {
	f, ok := s.formats[rule]
	if !ok {
		f, _ = format.CompileOutput(s.catalog, rule.Format) // the load has checked it
		s.formats[rule] = f
	}
	return f
}
