// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

func eventClass() Class {
	fs := eventTimeFields()
	fs = append(fs, eventKindFields()...)
	fs = append(fs, eventParamFields()...)
	fs = append(fs, eventIOFields()...)
	fs = append(fs, eventOpenFields()...)
	return Class{
		Name:      "evt",
		ShortDesc: "the event itself",
		Doc:       "What every event has: number, time, kind, parameters and result. System calls are events; so are kernel tracepoints and notices of the agent.",
		Fields:    fs,
	}
}

func eventTimeFields() []*Field {
	return []*Field{
		field("evt.num", scap.PTUint64, scap.PFID, evtNum, "Number of the event in this run; the first one is 1."),
		text("evt.time", evtTime("15:04:05.000000000", false), "When the event happened, as local time of day with nanoseconds."),
		text("evt.time.s", evtTime("15:04:05", false), "Local time of day of the event in whole seconds."),
		text("evt.time.iso8601", evtTime("2006-01-02T15:04:05.000000000-0700", true), "Date and time of the event in UTC, in the ISO 8601 form with nanoseconds and zone."),
		text("evt.datetime", evtTime("2006-01-02 15:04:05.000000000", false), "Local date and time of the event with nanoseconds."),
		text("evt.datetime.s", evtTime("2006-01-02 15:04:05", false), "Local date and time of the event in whole seconds."),
		abstime("evt.rawtime", timeOf(sinceEpoch, whole), "Time of the event in nanoseconds since the epoch."),
		abstime("evt.rawtime.s", timeOf(sinceEpoch, seconds), "Whole seconds of evt.rawtime."),
		abstime("evt.rawtime.ns", timeOf(sinceEpoch, remainder), "Nanoseconds of evt.rawtime beyond the last whole second.").padded(),
		reltime("evt.reltime", timeOf(sinceFirst, whole), "Nanoseconds that passed since the first event of the run.").padded(),
		reltime("evt.reltime.s", timeOf(sinceFirst, seconds), "Whole seconds of evt.reltime."),
		reltime("evt.reltime.ns", timeOf(sinceFirst, remainder), "Nanoseconds of evt.reltime beyond the last whole second.").padded(),
		text("evt.pluginname", nil, "Name of the plugin that made the event; system events have none."),
		text("evt.plugininfo", nil, "Summary of the event by the plugin that made it; system events have none."),
		text("evt.source", constText("syscall"), "Name of the source that the event comes from."),
		boolean("evt.is_async", evtIsAsync, "Whether the event is a notice of the agent or a plugin rather than something the kernel saw."),
		text("evt.asynctype", evtAsyncType, "Name that an asynchronous event carries, such as container."),
		text("evt.hostname", evtHostname, "Name of the host, or what FALCO_HOSTNAME in the environment says instead."),
		reltime("evt.latency", constNum(0), "Always 0: how long a call takes is not measured.").deprecated(),
		reltime("evt.latency.s", constNum(0), "Always 0, see evt.latency.").deprecated(),
		reltime("evt.latency.ns", constNum(0), "Always 0, see evt.latency.").padded().deprecated(),
		count("evt.latency.quantized", constNum(0), "Always 0, see evt.latency.").hidden().deprecated(),
		text("evt.latency.human", constText("0ns"), "Always 0ns, see evt.latency.").deprecated(),
		reltime("evt.deltatime", timeOf(sincePrevious, whole), "Nanoseconds that passed since the previous event."),
		reltime("evt.deltatime.s", timeOf(sincePrevious, seconds), "Whole seconds of evt.deltatime."),
		reltime("evt.deltatime.ns", timeOf(sincePrevious, remainder), "Nanoseconds of evt.deltatime beyond the last whole second.").padded(),
		text("evt.outputtime", evtTime("15:04:05.000000000", false), "Time of the event in the form chosen for outputs.").outputOnly(),
	}
}

func eventKindFields() []*Field {
	return []*Field{
		field("evt.dir", scap.PTCharbuf, scap.PFDir, evtDir, "> when a call begins, < when it returns. Calls are reported when they return; when they begin only if a rule asks for it.").deprecated(),
		text("evt.type", evtType, "Name of the event: that of the system call, or of the tracepoint."),
		field("evt.type.is", scap.PTUint32, scap.PFNA, evtTypeIs, "1 when the event is of the type given by name or number (evt.type.is.openat), else 0.").dot().key().required().resolveWith(resolveTypeIs),
		text("syscall.type", syscallType, "Name of the system call; other events have none."),
		text("evt.category", evtCategory, "What the event is about: file, net, process, memory, IPC, user, signal, time and others. Reads and writes go by the descriptor that they work on: file, net, ipc or unknown."),
		field("evt.cpu", scap.PTInt16, scap.PFID, evtCPU, "CPU (or ring of the driver) on which the event was seen."),
		field("evt.count", scap.PTUint32, scap.PFDec, constNum(1), "Always 1, to be added up."),
		field("evt.count.error", scap.PTUint32, scap.PFDec, countError(""), "1 for a call that failed."),
		field("evt.count.error.file", scap.PTUint32, scap.PFDec, countError("file"), "1 for a call on files that failed."),
		field("evt.count.error.net", scap.PTUint32, scap.PFDec, countError("net"), "1 for a network call that failed."),
		field("evt.count.error.memory", scap.PTUint32, scap.PFDec, countError("memory"), "1 for a memory call that failed."),
		field("evt.count.error.other", scap.PTUint32, scap.PFDec, countError("other"), "1 for any other call that failed."),
		field("evt.count.exit", scap.PTUint32, scap.PFDec, countExit, "1 for a call that returned."),
		count("evt.lost_before", evtLostBefore, "How many events of the host were lost since the event before this one of the same thread, 0 as long as none was.").own(),
		field("evt.count.procinfo", scap.PTUint32, scap.PFDec, countProcinfo(true), "1 for a process notice about a main thread.").hidden(),
		field("evt.count.threadinfo", scap.PTUint32, scap.PFDec, countProcinfo(false), "1 for a process notice about any thread.").hidden(),
	}
}

func evtNum(ev *state.Event, _ *Arg, out *Value) bool { return out.setUint(ev.Num) }

func evtLostBefore(ev *state.Event, _ *Arg, out *Value) bool { return out.setUint(ev.LostBefore) }

func evtTime(layout string, utc bool) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		from := len(ev.Arena)
		t := time.Unix(0, int64(ev.Timestamp()))
		if utc {
			t = t.UTC()
		}
		ev.Arena = t.AppendFormat(ev.Arena, layout)
		return out.setArena(ev, from)
	}
}

// The points that times count from.
func sinceEpoch(ev *state.Event) uint64    { return ev.Timestamp() }
func sinceFirst(ev *state.Event) uint64    { return elapsed(ev.FirstTS, ev.Timestamp()) }
func sincePrevious(ev *state.Event) uint64 { return elapsed(ev.PrevTS, ev.Timestamp()) }

// elapsed is 0 for a late event, which is older than its predecessor.
func elapsed(from, to uint64) uint64 {
	if from == 0 || to < from {
		return 0
	}
	return to - from
}

// whole, seconds and remainder are the parts of a time in nanoseconds.
func whole(ns uint64) uint64     { return ns }
func seconds(ns uint64) uint64   { return ns / uint64(time.Second) }
func remainder(ns uint64) uint64 { return ns % uint64(time.Second) }

func timeOf(since func(*state.Event) uint64, part func(uint64) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool { return out.setUint(part(since(ev))) }
}

func evtIsAsync(ev *state.Event, _ *Arg, out *Value) bool {
	in := ev.Info()
	return out.setBool(in != nil && in.Class == scap.ClassMetaevent)
}

func evtAsyncType(ev *state.Event, _ *Arg, out *Value) bool {
	if metaOf(ev).async == 0 {
		return false
	}
	s, ok := ev.Str(int(metaOf(ev).async))
	out.S = s
	return ok
}

// givenHostname is what the agent's environment says, because inside a
// container the kernel's answer is not the host's name.
var givenHostname = sync.OnceValue(func() string {
	for _, env := range []string{"TIERCEL_HOSTNAME", "FALCO_HOSTNAME"} {
		if s := os.Getenv(env); s != "" {
			return s
		}
	}
	return ""
})

var ownHostname = sync.OnceValue(func() string {
	s, _ := os.Hostname() // an unknown name is empty
	return s
})

func evtHostname(ev *state.Event, _ *Arg, out *Value) bool {
	if s := givenHostname(); s != "" {
		return out.setText(s)
	}
	if ev.Engine != nil && ev.Engine.Hostname() != "" {
		return out.setText(ev.Engine.Hostname())
	}
	return out.setText(ownHostname())
}

func evtDir(ev *state.Event, _ *Arg, out *Value) bool {
	if ev.Type().IsEnter() {
		return out.setText(">")
	}
	return out.setText("<")
}

// typeName returns the name of an event; a generic event has that of its call.
func typeName(ev *state.Event) string {
	m := metaOf(ev)
	switch {
	case m.generic:
		if code, ok := ev.Uint(0); ok {
			return scap.SC(code).String()
		}
	case m.async > 0:
		if s, ok := ev.Str(int(m.async)); ok {
			return s
		}
	}
	return ev.Type().String()
}

func evtType(ev *state.Event, _ *Arg, out *Value) bool { return out.setText(typeName(ev)) }

func evtTypeIs(ev *state.Event, arg *Arg, out *Value) bool {
	if arg.IsNum {
		return out.setBool(int64(ev.Type()) == arg.Num)
	}
	return out.setBool(typeName(ev) == arg.Text)
}

func syscallType(ev *state.Event, _ *Arg, out *Value) bool {
	in := ev.Info()
	if in == nil || in.Class != scap.ClassSyscall {
		return false
	}
	return out.setText(typeName(ev))
}

func evtCPU(ev *state.Event, _ *Arg, out *Value) bool { return out.setInt(int64(int16(ev.CPU))) }

func evtCategory(ev *state.Event, _ *Arg, out *Value) bool { return out.setText(category(ev)) }

// category is the subject of an event. Input and output count for what the
// descriptor is.
func category(ev *state.Event) string {
	in := ev.Info()
	if in == nil {
		return "unknown"
	}
	switch in.Category {
	case scap.CatIORead, scap.CatIOWrite, scap.CatIOOther:
		if ev.FD == nil {
			return "unknown"
		}
		return ioCategory(ev.FD.Type)
	}
	if int(in.Category) < len(categoryNames) && categoryNames[in.Category] != "" {
		return categoryNames[in.Category]
	}
	return "unknown"
}

func countError(group string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if res, ok := result(ev); !ok || res >= 0 {
			return false
		}
		c := category(ev)
		if c != "file" && c != "net" && c != "memory" {
			c = "other"
		}
		out.N = 1
		return group == "" || group == c
	}
}

// countProcinfo counts the notices about the use of a CPU, which captures of
// other tools have.
func countProcinfo(main bool) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		out.N = 1
		return ev.Type() == scap.EvProcinfoE && (!main || ev.Thread != nil && ev.Thread.IsMain())
	}
}

func countExit(ev *state.Event, _ *Arg, out *Value) bool {
	out.N = 1
	return !ev.Type().IsEnter()
}

// resolveTypeIs makes evt.type.is refuse names that no event has.
func resolveTypeIs(ref *Ref) error {
	if n, err := strconv.ParseInt(ref.Arg.Text, 10, 32); err == nil {
		ref.Arg.Num, ref.Arg.IsNum = n, true
		return nil
	}
	if !isEventName(ref.Arg.Text) {
		return &ArgumentError{Field: ref.Field, Text: ref.Text, Msg: "unknown event type " + ref.Arg.Text}
	}
	return nil
}
