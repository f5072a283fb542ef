// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

func fdClass() Class {
	fs := []*Field{
		id("fd.num", fdNum, "Number of the descriptor that the event works on; -1 when a call failed to make one."),
		field("fd.type", scap.PTCharbuf, scap.PFDec, fdType, "Kind of the descriptor: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, timerfd, netlink, bpf, userfaultfd, io_uring, memfd or pidfd."),
		field("fd.typechar", scap.PTCharbuf, scap.PFDec, fdTypeChar, "The same as one letter: f for files, d for directories, 4 and 6 for IP sockets, u for unix sockets, p for pipes."),
		text("fd.name", fdName, "Absolute path of a file, or both ends of a connection as address:port->address:port."),
		text("fd.directory", fdDirectory, "Directory of a file; of a directory, itself."),
		text("fd.filename", fdFilename, "Name of a file without its directory."),
	}
	fs = append(fs, socketFields()...)
	fs = append(fs, inodeFields()...)
	return Class{
		Name:      "fd",
		ShortDesc: "the descriptor that the event works on",
		Doc:       "The file, socket or other descriptor that a call makes, uses or closes. Calls without a descriptor have none of these.",
		Fields:    fs,
	}
}

// onFD reports whether the event makes, uses or closes a descriptor.
func onFD(ev *state.Event) bool {
	in := ev.Info()
	return in != nil && ev.Thread != nil && in.Flags&(scap.EFCreatesFD|scap.EFUsesFD|scap.EFDestroysFD) != 0
}

// eventFD is the descriptor of an event that has to do with one, or nil.
func eventFD(ev *state.Event) *state.FD {
	if ev.FD == nil || !onFD(ev) {
		return nil
	}
	return ev.FD
}

func fdNum(ev *state.Event, _ *Arg, out *Value) bool {
	return onFD(ev) && out.setInt(ev.FDNum)
}

func fdType(ev *state.Event, _ *Arg, out *Value) bool {
	fd := eventFD(ev)
	return fd != nil && out.setText(typeWord(fd.Type))
}

// fdTypeChar takes a failed open for one of a file, so that conditions can
// tell failed opens apart.
func fdTypeChar(ev *state.Event, _ *Arg, out *Value) bool {
	if fd := eventFD(ev); fd != nil {
		return out.setText(typeChars[min(int(fd.Type), len(typeChars)-1)])
	}
	if p, _ := openedPath(ev); p >= 0 {
		return out.setText("f")
	}
	return false
}

// openedPath returns the parameters with path and directory of an open event,
// -1 for others.
func openedPath(ev *state.Event) (path, dirfd int) {
	m := metaOf(ev)
	if !m.open && !m.creat || ev.Thread == nil {
		return -1, -1
	}
	in := ev.Info()
	for i := range in.Params {
		switch in.Params[i].Type {
		case scap.PTFSPath:
			return i, -1
		case scap.PTFSRelpath:
			return i, int(in.Params[i].DirFD)
		}
	}
	return -1, -1
}

// failedPath yields the absolute path of an open that made no descriptor.
func failedPath(ev *state.Event, out *Value) bool {
	i, _ := openedPath(ev)
	return i >= 0 && absPath(ev, i, out)
}

func fdName(ev *state.Event, _ *Arg, out *Value) bool {
	if fd := eventFD(ev); fd != nil {
		out.S = fd.Name
		return fd.Name != ""
	}
	return failedPath(ev, out)
}

func fdDirectory(ev *state.Event, _ *Arg, out *Value) bool {
	fd := eventFD(ev)
	switch {
	case fd == nil:
		if !failedPath(ev, out) {
			return false
		}
	case fd.Type == state.FDDirectory:
		return out.setText(fd.Name)
	case fd.IsFile():
		out.S = fd.Name
	default:
		return false
	}
	i := strings.LastIndexByte(out.S, '/')
	if i < 0 {
		return out.setText("/")
	}
	out.S = out.S[:max(i, 1)]
	return true
}

func fdFilename(ev *state.Event, _ *Arg, out *Value) bool {
	fd := eventFD(ev)
	if fd == nil || !fd.IsFile() {
		return false
	}
	i := strings.LastIndexByte(fd.Name, '/')
	if i < 0 {
		return out.setText("/")
	}
	return out.setText(fd.Name[i+1:])
}

func inodeFields() []*Field {
	return []*Field{
		boolean("fd.name_changed", func(ev *state.Event, _ *Arg, out *Value) bool {
			return eventFD(ev) != nil && out.setBool(ev.FDNameChanged())
		}, "Whether the event gave the descriptor another name: a socket found its peer."),
		field("fd.dev", scap.PTInt32, scap.PFHex, ofFile(func(f *state.FD) uint64 { return uint64(f.Dev) }), "Number of the device that holds the file."),
		field("fd.dev.major", scap.PTInt32, scap.PFDec, ofFile(func(f *state.FD) uint64 { return uint64(f.Dev >> 20) }), "Major part of that number."),
		field("fd.dev.minor", scap.PTInt32, scap.PFDec, ofFile(func(f *state.FD) uint64 { return uint64(f.Dev & (1<<20 - 1)) }), "Minor part of that number."),
		field("fd.ino", scap.PTInt64, scap.PFDec, ofFile(func(f *state.FD) uint64 { return f.Ino }), "Inode of the file."),
		text("fd.nameraw", fdNameRaw, "Name of the file as the program gave it."),
		field("fd.types", scap.PTCharbuf, scap.PFDec, fdTypes, "Kinds of all descriptors of the process, each once; [N] is that of descriptor N.").list().index().noRHS(),
		boolean("fd.is_upper_layer", ofFDBool(func(f *state.FD) bool { return f.Upper }), "Whether the file lies in the upper layer of an overlay."),
		boolean("fd.is_lower_layer", ofFDBool(func(f *state.FD) bool { return f.Lower }), "Whether the file lies in a lower layer of an overlay."),
		text("fd.uid", fdUID, "Thread id and number of the descriptor in one word."),
		text("fd.containername", inContainer(fdName), "Container id, colon, fd.name."),
		text("fd.containerdirectory", inContainer(fdDirectory), "Container id, colon, fd.directory."),
	}
}

func ofFile(get func(*state.FD) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		fd := eventFD(ev)
		return fd != nil && out.setUint(get(fd))
	}
}

func ofFDBool(get func(*state.FD) bool) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		fd := eventFD(ev)
		return fd != nil && out.setBool(get(fd))
	}
}

func fdNameRaw(ev *state.Event, _ *Arg, out *Value) bool {
	fd := eventFD(ev)
	if fd == nil || (!fd.IsFile() && fd.Type != state.FDDirectory) || fd.NameRaw == "" {
		return false
	}
	return out.setText(fd.NameRaw)
}

func fdTypes(ev *state.Event, arg *Arg, out *Value) bool {
	if ev.Thread == nil {
		return false
	}
	out.Strs = out.Strs[:0]
	if arg.Set {
		fd := ev.Thread.FDs().Get(arg.Num)
		if fd == nil {
			return false
		}
		out.Strs = append(out.Strs, typeWord(fd.Type))
		return true
	}
	var seen uint64
	for fd := range ev.Thread.FDs().All() {
		if seen&(1<<fd.Type) == 0 {
			seen |= 1 << fd.Type
			out.Strs = append(out.Strs, typeWord(fd.Type))
		}
	}
	return true
}

func fdUID(ev *state.Event, _ *Arg, out *Value) bool {
	if eventFD(ev) == nil {
		return false
	}
	from := len(ev.Arena)
	ev.Arena = appendInt(ev.Arena, ev.Thread.TID)
	ev.Arena = appendInt(ev.Arena, ev.FDNum)
	return out.setArena(ev, from)
}

func inContainer(get extractor) extractor {
	return func(ev *state.Event, arg *Arg, out *Value) bool {
		if !get(ev, arg, out) {
			return false
		}
		name, from := out.S, len(ev.Arena)
		ev.Arena = append(ev.Arena, ev.Thread.ContainerID...)
		ev.Arena = append(ev.Arena, ':')
		ev.Arena = append(ev.Arena, name...)
		return out.setArena(ev, from)
	}
}

// typeChars and typeWords are what fd.typechar and fd.type print; the last
// entry stands for kinds that the table does not know.
var typeChars = [...]string{
	state.FDUnknown: "o", state.FDOldFile: "f", state.FDDirectory: "d", state.FDIPv4: "4", state.FDIPv6: "6",
	state.FDIPv4Server: "4", state.FDIPv6Server: "6", state.FDFIFO: "p", state.FDUnix: "u", state.FDEvent: "e",
	state.FDUnsupported: "X", state.FDSignalfd: "s", state.FDEventpoll: "l", state.FDInotify: "i",
	state.FDTimerfd: "t", state.FDNetlink: "n", state.FDFile: "f", state.FDBPF: "b", state.FDUserfaultfd: "u",
	state.FDIOURing: "r", state.FDMemfd: "m", state.FDPidfd: "P", state.FDPidfd + 1: "?",
}

var typeWords = [...]string{
	state.FDOldFile: "file", state.FDDirectory: "directory", state.FDIPv4: "ipv4", state.FDIPv6: "ipv6",
	state.FDIPv4Server: "ipv4", state.FDIPv6Server: "ipv6", state.FDFIFO: "pipe", state.FDUnix: "unix",
	state.FDEvent: "event", state.FDSignalfd: "signalfd", state.FDEventpoll: "eventpoll",
	state.FDInotify: "inotify", state.FDTimerfd: "timerfd", state.FDNetlink: "netlink", state.FDFile: "file",
	state.FDBPF: "bpf", state.FDUserfaultfd: "userfaultfd", state.FDIOURing: "io_uring",
	state.FDMemfd: "memfd", state.FDPidfd: "pidfd", state.FDPidfd + 1: "",
}

func typeChar(t state.FDType) byte { return typeChars[min(int(t), len(typeChars)-1)][0] }

func typeWord(t state.FDType) string {
	if w := typeWords[min(int(t), len(typeWords)-1)]; w != "" {
		return w
	}
	return "<NA>"
}

// ioCategory is the evt.category of input and output on a kind of descriptor.
func ioCategory(t state.FDType) string {
	switch t {
	case state.FDFile, state.FDOldFile, state.FDDirectory:
		return "file"
	case state.FDIPv4, state.FDIPv6, state.FDIPv4Server, state.FDIPv6Server:
		return "net"
	case state.FDFIFO, state.FDUnix, state.FDEvent, state.FDSignalfd, state.FDInotify, state.FDUserfaultfd:
		return "ipc"
	}
	return "unknown"
}
