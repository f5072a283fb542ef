// SPDX-License-Identifier: Apache-2.0

package program

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Condition is one compiled condition on its own. One goroutine owns it.
type Condition struct {
	p   *Program
	run *Run
}

// Compile compiles one condition without macros over any catalog, be it the
// table of all fields or a test's. Errors are of type *Error.
func Compile(cat fields.Catalog, cond filter.Node) (*Condition, []Warning, error) {
	b := NewBuilder(cat)
	_, warnings, err := b.Add(cond, evtset.Types{})
	if err != nil {
		return nil, nil, err
	}
	p := b.Build()
	return &Condition{p, p.NewRun()}, warnings, nil
}

// Eval reports whether the condition holds for ev, whatever the event's type.
func (c *Condition) Eval(ev *state.Event) bool { return c.p.Holds(0, ev, c.run) }

// Expr is a compiled field or transformer, as outputs need it. One goroutine
// owns it.
type Expr struct {
	p   *Program
	run *Run
	at  int32
}

// CompileExpr compiles a *filter.Field or *filter.Transform. Errors are of
// type *Error.
func CompileExpr(cat fields.Catalog, n filter.Node) (*Expr, error) {
	b := NewBuilder(cat)
	at, err := b.value(n)
	if err != nil {
		return nil, err
	}
	p := b.Build()
	return &Expr{p, p.NewRun(), at}, nil
}

// Type returns the type of the values.
func (e *Expr) Type() scap.ParamType { return e.p.values[e.at].typ }

// Format returns how the values are printed.
func (e *Expr) Format() scap.ParamFormat { return e.p.values[e.at].format }

// Flags returns the names of the values, or nil.
func (e *Expr) Flags() *scap.FlagTable { return e.p.values[e.at].flags }

// List reports whether the values are lists.
func (e *Expr) List() bool { return e.p.values[e.at].list }

// Eval fills out with the value for ev; false when there is none. What out
// points to lives until the next call.
func (e *Expr) Eval(ev *state.Event, out *fields.Value) bool {
	e.run.begin(ev)
	v, ok := e.run.value(e.at)
	if ok {
		*out = *v
	}
	e.run.ev = nil
	return ok
}
