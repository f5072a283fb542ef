// SPDX-License-Identifier: Apache-2.0

package evtset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Kind says how a condition restricts events.
type Kind uint8

// Kinds of restriction.
const (
	KindAll       Kind = iota // any event can make it true
	KindExact                 // only events of the listed names can
	KindAllExcept             // only events of other names can
)

// String returns all, exact or all_except.
func (k Kind) String() string { return [...]string{"all", "exact", "all_except"}[k] }

// Result is what a condition wants of events.
type Result struct {
	Kind Kind
	// Names are the event names of KindExact or those ruled out by
	// KindAllExcept, sorted. Names that do not exist are among them.
	Names []string
	// Syscalls can make the condition true, whatever evt.dir says.
	Syscalls scap.SyscallSet
	// Types can make it true, whatever evt.dir says; old versions of events
	// and both halves of calls are among them.
	Types Types
	// Match is Types without the halves that evt.dir rules out: the events for
	// which the condition has to be asked.
	Match Types
	// Enter are the calls whose enter half the condition asks for by evt.dir.
	Enter scap.SyscallSet
	// Checks are the places that name event types, in the order of the text.
	Checks []Check
	// Unknown are the names that no event and no call has.
	Unknown []Unknown
}

// Check is a check on the type of events: the reason for a restriction.
type Check struct {
	Pos  filter.Pos
	Text string
}

// Unknown is a name in a check on evt.type that nothing has.
type Unknown struct {
	Pos  filter.Pos
	In   filter.Pos // where the check begins
	Name string
}

// Error says why the events of a condition cannot be told.
type Error struct {
	Pos filter.Pos
	In  filter.Pos // where the check begins that Pos is in
	Msg string
}

// Error implements error: line:column: message.
func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
}

// UnknownName returns the error for the first unknown name, or nil: in rules
// such a name is a mistake. It is of type *Error.
func (r *Result) UnknownName() error {
	if len(r.Unknown) == 0 {
		return nil
	}
	u := r.Unknown[0]
	return &Error{u.Pos, u.In, "unknown event type " + u.Name}
}

// EventNames returns the names of all event types in Types, sorted. The
// generic types stand for every call without an event of its own.
func (r *Result) EventNames() []string {
	var list []string
	for t := range r.Types.Each {
		info := t.Info()
		switch {
		case t <= genericExit:
			if t == genericExit {
				list = append(list, scap.GenericSyscalls().Names()...)
			}
		case info != nil && info.Name != "" && info.Status != scap.StatusUnused:
			list = append(list, info.Name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Analyze finds the events of a condition. Macros must have been replaced: one
// that is left counts as a check that any event can pass. The error, of type
// *Error, is about evt.type under a transformer or compared with another
// field: its events cannot be told.
func Analyze(cond filter.Node) (Result, error) {
	var r Result
	if err := r.collect(cond); err != nil {
		return Result{}, err
	}
	any := possible(cond, anyHalf, false)
	enter := possible(cond, enterHalf, false)
	exit := possible(cond, exitHalf, false)
	r.Names = any.names.sorted()
	switch {
	case !any.names.except:
		r.Kind = KindExact
	case slices.ContainsFunc(r.Names, known): // what does not exist rules nothing out
		r.Kind = KindAllExcept
	default:
		r.Names = nil
	}
	r.Syscalls = calls(cond, false)
	r.Types = any.names.types()
	for t := range enter.names.types().Each {
		if t.IsEnter() {
			r.Match.Add(t)
		}
	}
	for t := range exit.names.types().Each {
		if !t.IsEnter() {
			r.Match.Add(t)
		}
	}
	r.Enter = enter.asked.syscalls()
	if entersAsGeneric(r.Enter) {
		r.Match.Add(genericEnter)
	}
	return r, nil
}

// collect notes the checks on event types and refuses those that cannot be
// understood.
func (r *Result) collect(cond filter.Node) (err error) {
	filter.Inspect(cond, func(n filter.Node) bool {
		if err != nil {
			return false
		}
		switch n := n.(type) {
		case *filter.Unary:
			err = refuse(n, n.Left)
			return false
		case *filter.Binary:
			if comparesNames(n) {
				err = refuse(n, n.Left)
			}
			if err == nil && isTypeField(n.Left) {
				err = r.collectNames(n)
			}
			return false
		}
		return true
	})
	return err
}

// comparesNames reports whether a check, if of evt.type, is one that tells
// events. What stands in others does not matter: any event can pass them.
func comparesNames(n *filter.Binary) bool {
	switch n.Op {
	case "=", "==", "!=", "in":
		return n.Modifier == ""
	}
	return false
}

// refuse returns an error for an event type under a transformer.
func refuse(check, n filter.Node) (err error) {
	if _, ok := n.(*filter.Transform); !ok {
		return nil
	}
	filter.Inspect(n, func(n filter.Node) bool {
		if isTypeField(n) {
			err = &Error{n.Pos(), check.Pos(), fmt.Sprintf("'%s' cannot be used with a transformer", n)}
		}
		return err == nil
	})
	return err
}

func (r *Result) collectNames(n *filter.Binary) error {
	switch n.Right.(type) {
	case *filter.Field, *filter.Transform:
		if !comparesNames(n) {
			return nil
		}
		return &Error{n.Right.Pos(), n.At, fmt.Sprintf("'%s' cannot be compared with another field", n.Left)}
	}
	if _, ok := typeNames(n); !ok {
		return nil
	}
	r.Checks = append(r.Checks, Check{n.At, n.String()})
	for _, v := range literals(n.Right) {
		if !known(v.Text) {
			r.Unknown = append(r.Unknown, Unknown{v.At, n.At, v.Text})
		}
	}
	return nil
}

// half is an assumption on the direction of events.
type half uint8

const (
	anyHalf half = iota
	enterHalf
	exitHalf
)

// events are the names of events that can make an expression true, and among
// them those for which a check on evt.dir has a part in it.
type events struct {
	names, asked names
}

// possible computes the events of n, or of its negation.
func possible(n filter.Node, h half, negated bool) events {
	switch n := n.(type) {
	case *filter.And:
		return combine(n.Operands, h, negated, !negated)
	case *filter.Or:
		return combine(n.Operands, h, negated, negated)
	case *filter.Not:
		return possible(n.Operand, h, !negated)
	case *filter.Unary:
		// Every event has a type.
		if f, ok := n.Left.(*filter.Field); ok && !f.HasArg && f.Name == "evt.type" && negated {
			return events{noNames, noNames}
		}
	case *filter.Binary:
		return possibleCheck(n, h, negated)
	}
	return events{allNames, noNames}
}

// calls computes the calls whose events can make n, or its negation, true.
// Names become calls where they stand, as in the reference: two names that
// share calls, such as accept and accept4, are the same then.
func calls(n filter.Node, negated bool) scap.SyscallSet {
	var list []filter.Node
	all := !negated // every operand has to hold
	switch n := n.(type) {
	case *filter.Not:
		return calls(n.Operand, !negated)
	case *filter.And:
		list = n.Operands
	case *filter.Or:
		list, all = n.Operands, negated
	default:
		return possible(n, anyHalf, negated).names.syscalls()
	}
	set := calls(list[0], negated)
	for _, n := range list[1:] {
		if all {
			set = set.Intersect(calls(n, negated))
		} else {
			set = set.Union(calls(n, negated))
		}
	}
	return set
}

func combine(list []filter.Node, h half, negated, all bool) events {
	e := possible(list[0], h, negated)
	for _, n := range list[1:] {
		f := possible(n, h, negated)
		if all {
			e = events{e.names.and(f.names), e.asked.and(f.names).or(e.names.and(f.asked))}
		} else {
			e = events{e.names.or(f.names), e.asked.or(f.asked)}
		}
	}
	return e
}

func possibleCheck(n *filter.Binary, h half, negated bool) events {
	f, ok := n.Left.(*filter.Field)
	if !ok || f.HasArg {
		return events{allNames, noNames}
	}
	switch f.Name {
	case "evt.type", "syscall.type":
		if list, ok := typeNames(n); ok {
			if negated {
				list = list.not()
			}
			return events{list, noNames}
		}
	case "evt.num":
		if v := alwaysNum(n); v != maybe && (v == yes) == negated {
			return events{noNames, noNames}
		}
	case "evt.dir":
		if h != anyHalf {
			return possibleDir(n, h, negated)
		}
	}
	return events{allNames, noNames}
}

func isTypeField(n filter.Node) bool {
	f, ok := n.(*filter.Field)
	return ok && !f.HasArg && (f.Name == "evt.type" || f.Name == "syscall.type")
}

// typeNames returns the names for which a check on the event type holds. ok
// is false for operators that do not compare whole names.
func typeNames(n *filter.Binary) (list names, ok bool) {
	list = namesOf(texts(n.Right)...)
	switch n.Op + n.Modifier {
	case "=", "==", "in", "=anyof", "==anyof":
		return list, true
	case "!=", "!=allof":
		return list.not(), true
	}
	return names{}, false
}

// literals returns the values of a right side that is a value or a list.
func literals(right filter.Node) []*filter.Value {
	switch right := right.(type) {
	case *filter.Value:
		return []*filter.Value{right}
	case *filter.List:
		var list []*filter.Value
		for _, e := range right.Elems {
			if v, ok := e.(*filter.Value); ok {
				list = append(list, v)
			}
		}
		return list
	}
	return nil
}

func texts(right filter.Node) []string {
	var list []string
	for _, v := range literals(right) {
		list = append(list, v.Text)
	}
	return list
}

// truth is what is known of a check without an event.
type truth uint8

const (
	maybe truth = iota
	yes
	no
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// alwaysNum finds checks on evt.num that hold for every event or none: it
// counts from 1. Only plain decimal literals are understood.
func alwaysNum(n *filter.Binary) truth {
	list := texts(n.Right)
	if len(list) != len(literals(n.Right)) || n.Modifier != "" {
		return maybe
	}
	switch n.Right.(type) {
	case *filter.Value, *filter.List:
	default:
		return maybe
	}
	for _, s := range list {
		if s == "" || strings.Trim(s, "0123456789") != "" {
			return maybe
		}
	}
	zero := func(s string) bool { return strings.Trim(s, "0") == "" }
	switch n.Op {
	case "in", "intersects":
		if !slices.ContainsFunc(list, func(s string) bool { return !zero(s) }) {
			return no
		}
	case "=", "==":
		if zero(list[0]) {
			return no
		}
	case "!=":
		if zero(list[0]) {
			return yes
		}
	case ">":
		if zero(list[0]) {
			return yes
		}
	case ">=":
		if zero(list[0]) || isOne(list[0]) {
			return yes
		}
	case "<":
		if zero(list[0]) || isOne(list[0]) {
			return no
		}
	case "<=":
		if zero(list[0]) {
			return no
		}
	}
	return maybe
}

func isOne(s string) bool { return strings.TrimLeft(s, "0") == "1" }

// possibleDir decides a check on evt.dir for events of one direction.
func possibleDir(n *filter.Binary, h half, negated bool) events {
	dir := map[half]string{enterHalf: ">", exitHalf: "<"}[h]
	var v truth
	switch n.Op + n.Modifier {
	case "=", "==", "in", "intersects", "=anyof", "==anyof":
		v = truthOf(slices.Contains(texts(n.Right), dir))
	case "!=", "!=allof":
		v = truthOf(!slices.Contains(texts(n.Right), dir))
	}
	switch n.Right.(type) {
	case *filter.Field, *filter.Transform:
		v = maybe
	}
	switch {
	case v == maybe:
		return events{allNames, noNames}
	case (v == yes) == negated:
		return events{noNames, noNames}
	}
	return events{allNames, allNames}
}
