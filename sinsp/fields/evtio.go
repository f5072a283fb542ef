// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// What an event read or wrote, and how a file was opened.

func eventIOFields() []*Field {
	const read, write = scap.EFReadsFromFD, scap.EFWritesToFD
	return []*Field{
		field("evt.buffer", scap.PTBytebuf, scap.PFNA, evtBuffer, "The bytes that were read or written, as far as they were captured."),
		count("evt.buflen", bufLen(0, ""), "How many bytes were read or written."),
		count("evt.buflen.in", bufLen(read, ""), "How many bytes were read.").hidden(),
		count("evt.buflen.out", bufLen(write, ""), "How many bytes were written.").hidden(),
		count("evt.buflen.file", bufLen(0, "file"), "How many bytes were read from or written to a file.").hidden(),
		count("evt.buflen.file.in", bufLen(read, "file"), "How many bytes were read from a file.").hidden(),
		count("evt.buflen.file.out", bufLen(write, "file"), "How many bytes were written to a file.").hidden(),
		count("evt.buflen.net", bufLen(0, "net"), "How many bytes were received or sent.").hidden(),
		count("evt.buflen.net.in", bufLen(read, "net"), "How many bytes were received.").hidden(),
		count("evt.buflen.net.out", bufLen(write, "net"), "How many bytes were sent.").hidden(),
		field("evt.res", scap.PTCharbuf, scap.PFDec, evtRes, "SUCCESS, or the name of the error that the call returned, such as ENOENT."),
		field("evt.rawres", scap.PTInt64, scap.PFDec, evtRawRes, "What the call returned as a number; negative for an error."),
		boolean("evt.failed", evtFailed, "Whether the call returned an error."),
		boolean("evt.is_io", hasFlag(read|write), "Whether the call reads from or writes to a descriptor."),
		boolean("evt.is_io_read", hasFlag(read), "Whether the call reads from a descriptor."),
		boolean("evt.is_io_write", hasFlag(write), "Whether the call writes to a descriptor."),
		text("evt.io_dir", evtIODir, "read or write, for calls that do."),
		boolean("evt.is_wait", hasFlag(scap.EFWaits), "Whether the call may sleep until something happens: poll, select, nanosleep and the like."),
		reltime("evt.wait_latency", constNum(0), "Always 0: how long a call takes is not measured.").deprecated(),
		boolean("evt.is_syslog", evtIsSyslog, "Whether the call writes to the system log's socket."),
	}
}

func evtBuffer(ev *state.Event, _ *Arg, out *Value) bool {
	m := metaOf(ev)
	if m.data < 0 {
		return false
	}
	p := ev.Param(int(m.data))
	if p == nil {
		return false
	}
	return out.setText(scap.View(p))
}

// bufLen is the length of an input (scap.EFReadsFromFD) or output on a kind of
// descriptor, "" for any.
func bufLen(dir scap.EventFlags, kind string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		in := ev.Info()
		if in == nil || !isIO(in.Category) || in.Dir != scap.Exit {
			return false
		}
		if dir != 0 && in.Flags&dir == 0 {
			return false
		}
		if kind != "" && (ev.FD == nil || ioCategory(ev.FD.Type) != kind) {
			return false
		}
		n, ok := result(ev)
		if !ok || n < 0 {
			return false
		}
		return out.setInt(n)
	}
}

func evtRes(ev *state.Event, _ *Arg, out *Value) bool {
	n, ok := result(ev)
	if !ok {
		return false
	}
	if n >= 0 {
		return out.setText("SUCCESS")
	}
	if name := nameOf(errnoNames, uint64(-n)); name != "" {
		return out.setText(name)
	}
	from := len(ev.Arena)
	ev.Arena = appendInt(ev.Arena, n)
	return out.setArena(ev, from)
}

func evtRawRes(ev *state.Event, _ *Arg, out *Value) bool {
	n, ok := result(ev)
	out.setInt(n)
	return ok
}

func evtFailed(ev *state.Event, _ *Arg, out *Value) bool {
	n, ok := result(ev)
	out.setBool(n < 0)
	return ok
}

func hasFlag(mask scap.EventFlags) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		in := ev.Info()
		return out.setBool(in != nil && in.Flags&mask != 0)
	}
}

func evtIODir(ev *state.Event, _ *Arg, out *Value) bool {
	in := ev.Info()
	switch {
	case in == nil:
		return false
	case in.Flags&scap.EFReadsFromFD != 0:
		return out.setText("read")
	case in.Flags&scap.EFWritesToFD != 0:
		return out.setText("write")
	}
	return false
}

func evtIsSyslog(ev *state.Event, _ *Arg, out *Value) bool {
	in := ev.Info()
	return out.setBool(in != nil && in.Flags&scap.EFWritesToFD != 0 && ev.FD != nil &&
		ev.FD.Type == state.FDUnix && strings.Contains(ev.FD.Name, "/dev/log"))
}

func eventOpenFields() []*Field {
	return []*Field{
		boolean("evt.is_open_read", evtOpenFlag(openRead), "Whether a file was opened for reading."),
		boolean("evt.is_open_write", evtOpenFlag(openWrite), "Whether a file was opened for writing."),
		text("evt.infra.docker.name", infraPart("Event"), "Name of an event of the container runtime.").hidden(),
		text("evt.infra.docker.container.id", infraPart("ID"), "Container of such an event.").hidden(),
		text("evt.infra.docker.container.name", infraPart("Container"), "Name of that container.").hidden(),
		text("evt.infra.docker.container.image", infraPart("Image"), "Image of that container.").hidden(),
		boolean("evt.is_open_exec", evtOpenExec, "Whether a file was created that somebody may execute."),
		boolean("evt.is_open_create", evtOpenCreate, "Whether opening a file created it."),
	}
}

// infraPart is one part of the description in an event of a container runtime,
// which captures of other tools have: "Event: start; ID: 3ad7; Image: redis".
func infraPart(name string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Type() != scap.EvInfrastructureEventE {
			return false
		}
		rest, ok := ev.Str(infraDescription)
		for ok {
			var part string
			part, rest, ok = strings.Cut(rest, ";")
			if key, value, found := strings.Cut(part, ":"); found && strings.TrimSpace(key) == name {
				return out.setText(strings.TrimSpace(value))
			}
		}
		return false
	}
}

var infraDescription = paramIndex(&scap.Events[scap.EvInfrastructureEventE], "description")

// Open flags in the portable encoding of the wire (flag table file_flags).
const (
	openRead    = 1
	openWrite   = 2
	openTmpfile = 1 << 13
	openCreated = 1 << 14
)

func openFlags(ev *state.Event) (uint64, bool) {
	m := metaOf(ev)
	if !m.open {
		return 0, false
	}
	return ev.Uint(int(m.flags))
}

func evtOpenFlag(mask uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		flags, ok := openFlags(ev)
		return out.setBool(ok && flags&mask != 0)
	}
}

// created reports whether an open made a file: the driver has seen it, or the
// flags leave no other way.
func created(ev *state.Event) bool {
	flags, ok := openFlags(ev)
	if !ok {
		return false
	}
	if flags&openCreated != 0 {
		return true
	}
	res, ok := result(ev)
	return ok && res >= 0 && flags&openTmpfile != 0
}

func evtOpenCreate(ev *state.Event, _ *Arg, out *Value) bool { return out.setBool(created(ev)) }

func evtOpenExec(ev *state.Event, _ *Arg, out *Value) bool {
	const anyExec = 0o111
	m := metaOf(ev)
	if m.mode < 0 || (!m.creat && !created(ev)) {
		return out.setBool(false)
	}
	res, ok := result(ev)
	mode, hasMode := ev.Uint(int(m.mode))
	return out.setBool(ok && res >= 0 && hasMode && mode&anyExec != 0)
}
