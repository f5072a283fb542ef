// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/fields/fieldtest"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// depth is the parser's limit where a case names none.
const depth = 1000

func runFilterParse(raw json.RawMessage) error {
	var c struct {
		Expr, Canonical string
		OK, Stable      bool
		Pos             *struct{ Idx, Line, Col int } `json:"error_pos"`
		MaxDepth        int                           `json:"max_depth"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	if c.MaxDepth == 0 {
		c.MaxDepth = depth
	}
	n, err := filter.Parse(c.Expr, filter.MaxDepth(c.MaxDepth))
	if err := differ("accepted", err == nil, c.OK); err != nil {
		return err
	}
	if !c.OK {
		var e *filter.Error
		if !errors.As(err, &e) {
			return fmt.Errorf("the error has no position: %v", err)
		}
		return nil // the position itself is advice
	}
	if err := differ("canonical text", filter.Canonical(n), c.Canonical); err != nil {
		return err
	}
	again, err := filter.Parse(n.String(), filter.MaxDepth(depth))
	if err != nil {
		return fmt.Errorf("our own text %q does not parse: %w", n, err)
	}
	if err := differ("text after parsing our own again", again.String(), n.String()); err != nil {
		return err
	}
	if c.Stable {
		if again, err = filter.Parse(c.Canonical, filter.MaxDepth(depth)); err != nil {
			return err
		}
		return differ("canonical text of the canonical text", filter.Canonical(again), c.Canonical)
	}
	return nil
}

func runEventTypes(raw json.RawMessage) error {
	var c struct {
		Expr, Kind string
		Events     *[]string
		Syscalls   *[]string
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	n, err := filter.Parse(c.Expr, filter.MaxDepth(depth))
	if err != nil {
		return err
	}
	r, err := evtset.Analyze(n)
	if c.Kind == "error" {
		if err == nil && r.UnknownName() == nil {
			return errors.New("accepted, want an error")
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := differ("kind", r.Kind.String(), c.Kind); err != nil {
		return err
	}
	if r.Kind == evtset.KindAllExcept { // the case lists what is left out
		r.Types = evtset.AllTypes().Minus(r.Types)
		r.Syscalls = r.Syscalls.Complement()
	}
	if c.Events != nil {
		if err := differ("events", list(r.EventNames()), list(*c.Events)); err != nil {
			return err
		}
	}
	if c.Syscalls != nil {
		return differ("syscalls", list(r.Syscalls.Names()), list(*c.Syscalls))
	}
	return nil
}

// list is a sorted copy that is never nil.
func list(s []string) []string {
	out := append([]string{}, s...)
	sort.Strings(out)
	return out
}

func runSelection(raw json.RawMessage) error {
	var c struct {
		Conditions  []string `json:"rules_conditions"`
		CustomSet   []string `json:"custom_set"`
		Repair, All bool
		Rules       []string `json:"rules_syscalls"`
		Selected    []string
		Unsupported []string
		Positive    []string `json:"invalid_positive"`
		Negative    []string `json:"invalid_negative"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	in := selection.Input{CustomSet: c.CustomSet, Repair: c.Repair, All: c.All}
	for i, text := range c.Conditions {
		n, err := filter.Parse(text, filter.MaxDepth(depth))
		if err != nil {
			return err
		}
		r, err := evtset.Analyze(n)
		if err != nil {
			return err
		}
		in.Rules = append(in.Rules, selection.Rule{Name: fmt.Sprint("r", i), Syscalls: r.Syscalls})
	}
	got := selection.Compute(in)
	for _, d := range []struct {
		what string
		got  []string
		want []string
	}{
		{"syscalls of the rules", got.Rules.Names(), c.Rules},
		{"selected", got.Selection.Exit.Names(), c.Selected},
		{"unsupported", got.Unsupported.Names(), c.Unsupported},
		{"invalid positive names", got.InvalidPositive, c.Positive},
		{"invalid negative names", got.InvalidNegative, c.Negative},
	} {
		if err := differ(d.what, list(d.got), list(d.want)); err != nil {
			return err
		}
	}
	return nil
}

// catalogOf is the catalog of a case's fields, whose numbers may need all 64 bits.
func catalogOf(raw json.RawMessage) (fields.Catalog, error) {
	var c struct{ Fields map[string]any }
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&c); err != nil {
		return nil, err
	}
	return fieldtest.Mock(c.Fields)
}

func runFilterEval(raw json.RawMessage) error {
	var c struct {
		Expr      string
		CompileOK bool `json:"compile_ok"`
		Match     bool
		Stage     string
		Warnings  int
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	cat, err := catalogOf(raw)
	if err != nil {
		return err
	}
	stage := "parse"
	n, err := filter.Parse(c.Expr, filter.MaxDepth(depth))
	var cond *program.Condition
	var warnings []program.Warning
	if err == nil {
		stage = "compile"
		cond, warnings, err = program.Compile(cat, n)
	}
	if err == nil { // a name of an event that is none is refused when a filter is compiled
		var r evtset.Result
		if r, err = evtset.Analyze(n); err == nil {
			err = r.UnknownName()
		}
	}
	if !c.CompileOK {
		if err == nil {
			return errors.New("accepted, want an error")
		}
		return differ("stage of the error", stage, c.Stage)
	}
	if err != nil {
		return err
	}
	if err := differ("warnings", len(warnings), c.Warnings); err != nil {
		return err
	}
	return differ("match", cond.Eval(nil), c.Match)
}

func runOutputFormat(raw json.RawMessage) error {
	var c struct {
		Format  string
		OK      bool
		Printed *bool
		Text    *string
		JSON    any       `json:"json_fields"`
		Names   *[]string `json:"field_names"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	cat, err := catalogOf(raw)
	if err != nil {
		return err
	}
	f, err := format.Compile(cat, c.Format)
	if err := differ("accepted", err == nil, c.OK); err != nil || !c.OK {
		return err
	}
	ev := (*state.Event)(nil)
	text, printed := f.AppendText(nil, ev)
	if c.Printed != nil {
		if err := differ("printed", printed, *c.Printed); err != nil {
			return err
		}
	}
	if c.Text != nil {
		if err := differ("text", string(text), *c.Text); err != nil {
			return err
		}
	}
	if c.Names != nil {
		if err := differ("field names", append([]string{}, f.Names()...), *c.Names); err != nil {
			return err
		}
	}
	var got any
	if err := json.Unmarshal(f.AppendFields(nil, ev), &got); err != nil {
		return err
	}
	return differ("JSON fields", got, c.JSON)
}
