// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strconv"
	"strings"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// The parameters of an event, by name, by number and all together.

func eventParamFields() []*Field {
	return []*Field{
		text("evt.args", evtArgs, "All parameters of the event, as name=value and what the value means in brackets."),
		text("evt.arg", evtArg, "One parameter of the event, by name (evt.arg.flags) or by number (evt.arg[0]), as a reader understands it: flags by name, descriptors with their files.").dot().index().key().required().resolveWith(resolveArg),
		field("evt.rawarg", scap.PTDyn, scap.PFNA, evtRawArg, "One parameter of the event by name, as the number or text that the kernel gave.").dot().key().required().plain().resolveWith(resolveRawArg),
		text("evt.info", evtArgs, "The same as evt.args."),
		count("evt.around", evtAround, "Whether the event is near a time: evt.around[T]=D holds when its evt.rawtime is at most D milliseconds before or after T.").index().required().filterOnly().within().resolveWith(resolveAround),
		text("evt.abspath", evtAbsPath, "Absolute path that the call works on; .src and .dst choose one of two.").dot().key().resolveWith(resolveAbsPath),
	}
}

// paramTable says for each event type where it has the parameter of that name.
// found is false when none has it.
func paramTable(name string) (table []int8, found bool) {
	table = make([]int8, len(scap.Events))
	for i := range table {
		n := paramIndex(&scap.Events[i], name)
		table[i] = int8(n)
		found = found || n >= 0
	}
	return table, found
}

// unknownParam says that no event has the parameter, and which one is called
// almost so.
func unknownParam(ref *Ref) error {
	e := &ArgumentError{Field: ref.Field, Text: ref.Text, Msg: "unknown event argument " + ref.Arg.Text}
	best, bestDist := "", max(1, (len(ref.Arg.Text)+1)/3)
	for i := range scap.Events {
		for _, p := range scap.Events[i].Params {
			if d := distance(ref.Arg.Text, p.Name, bestDist); d < bestDist || (d == bestDist && best == "") {
				best, bestDist = p.Name, d
			}
		}
	}
	if best != "" {
		e.Meant = ref.Field.Name + strings.Replace(ref.Text[len(ref.Field.Name):], ref.Arg.Text, best, 1)
	}
	return e
}

func resolveArg(ref *Ref) error {
	if ref.Arg.IsNum {
		if ref.Arg.Num < 0 || ref.Arg.Num >= scap.MaxParams {
			return &ArgumentError{Field: ref.Field, Text: ref.Text, Msg: ref.Arg.Text + " is not a valid parameter number"}
		}
		return nil
	}
	table, found := paramTable(ref.Arg.Text)
	if !found {
		return unknownParam(ref)
	}
	ref.Arg.params = table
	return nil
}

// resolveRawArg gives the reference the type of the parameter in the first event
// of the table that has it. Where other events have it with another kind of value
// (a number here, text there), they have no value.
func resolveRawArg(ref *Ref) error {
	table, found := paramTable(ref.Arg.Text)
	if !found {
		return unknownParam(ref)
	}
	ref.Arg.params = table
	for i, n := range table {
		if n >= 0 {
			p := &scap.Events[i].Params[n]
			ref.Type, ref.Format, ref.Flags = p.Type, p.Format, p.Flags
			break
		}
	}
	for i, n := range table {
		if n >= 0 && isNumeric(scap.Events[i].Params[n].Type) != isNumeric(ref.Type) {
			table[i] = -1
		}
	}
	return nil
}

func isNumeric(t scap.ParamType) bool {
	switch t {
	case scap.PTCharbuf, scap.PTBytebuf, scap.PTFSPath, scap.PTFSRelpath, scap.PTSockaddr, scap.PTSocktuple,
		scap.PTFDList, scap.PTDyn, scap.PTCharbufArray, scap.PTCharbufPairArray, scap.PTIPv4Addr, scap.PTIPv6Addr:
		return false
	}
	return true
}

// argParam is the parameter of ev that arg stands for, or -1.
func argParam(ev *state.Event, arg *Arg) int {
	if arg.params == nil {
		if int(arg.Num) >= ev.NumParams() {
			return -1
		}
		return int(arg.Num)
	}
	t := int(ev.Type())
	if t >= len(arg.params) || int(arg.params[t]) >= ev.NumParams() {
		return -1
	}
	return int(arg.params[t])
}

func evtArg(ev *state.Event, arg *Arg, out *Value) bool {
	i := argParam(ev, arg)
	if i < 0 {
		return false
	}
	// Most are text that needs no making.
	in := ev.Info()
	if in == nil || i >= len(in.Params) {
		return false
	}
	raw := ev.Param(i)
	if in.Params[i].Type == scap.PTCharbuf && len(raw) > 0 {
		return out.setText(scap.View(cString(raw)))
	}
	from := len(ev.Arena)
	ev.Arena = appendResolved(ev.Arena, ev, i)
	if len(ev.Arena) == from {
		ev.Arena = appendPlain(ev.Arena, ev, i)
	}
	return out.setArena(ev, from)
}

func evtRawArg(ev *state.Event, arg *Arg, out *Value) bool {
	i := argParam(ev, arg)
	if i < 0 {
		return false
	}
	in, raw := ev.Info(), ev.Param(i)
	if in == nil || i >= len(in.Params) || len(raw) == 0 {
		return false
	}
	switch t := in.Params[i].Type; t {
	case scap.PTCharbuf, scap.PTFSPath, scap.PTFSRelpath:
		return out.setText(scap.View(cString(raw)))
	default:
		if !isNumeric(t) {
			return out.setText(scap.View(raw))
		}
		n, ok := number(raw, t)
		out.N = n
		return ok
	}
}

// evtArgs appends "name=plain" or "name=plain(resolved)" for each parameter.
// A generic event has no parameters of the call, so its text is empty.
func evtArgs(ev *state.Event, _ *Arg, out *Value) bool {
	from := len(ev.Arena)
	in := ev.Info()
	if in == nil || metaOf(ev).generic {
		return out.setText("")
	}
	for i := range min(ev.NumParams(), len(in.Params)) {
		if i > 0 {
			ev.Arena = append(ev.Arena, ' ')
		}
		ev.Arena = append(ev.Arena, in.Params[i].Name...)
		ev.Arena = append(ev.Arena, '=')
		ev.Arena = appendPlain(ev.Arena, ev, i)
		open := len(ev.Arena)
		ev.Arena = append(ev.Arena, '(')
		ev.Arena = appendResolved(ev.Arena, ev, i)
		if len(ev.Arena) == open+1 {
			ev.Arena = ev.Arena[:open]
		} else {
			ev.Arena = append(ev.Arena, ')')
		}
	}
	return out.setArena(ev, from)
}

// resolveAround reads the time, which has more digits than other numbers.
func resolveAround(ref *Ref) error {
	n, err := strconv.ParseInt(ref.Arg.Text, 10, 64)
	if err != nil || n < 0 {
		return &ArgumentError{Field: ref.Field, Text: ref.Text, Msg: ref.Arg.Text + " is not a time in nanoseconds since the epoch"}
	}
	ref.Arg.Num, ref.Arg.IsNum = n, true
	return nil
}

// evtAround is the distance to the given time in milliseconds, rounded up.
func evtAround(ev *state.Event, arg *Arg, out *Value) bool {
	at, ts := uint64(arg.Num), ev.Timestamp()
	d := max(at, ts) - min(at, ts)
	return out.setUint((d + uint64(time.Millisecond) - 1) / uint64(time.Millisecond))
}
