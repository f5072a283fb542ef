// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// eventMeta is what extractors need to know of an event type, worked out once
// from the event table. Parameters are indexes; -1 stands for none.
type eventMeta struct {
	result  int8 // parameter with the result of the call
	data    int8 // contents that were read or written
	flags   int8 // open flags
	mode    int8 // permissions of a file that the call may make
	async   int8 // name of an asynchronous event; 0 for none
	open    bool // open, openat, openat2, open_by_handle_at: they tell whether they created
	creat   bool
	generic bool // a call without an event of its own: parameter 0 is its code
	paths   pathMeta
}

var metas = makeMetas()

var noMeta = eventMeta{result: -1, data: -1, flags: -1, mode: -1, paths: pathMeta{single: -1, source: -1, target: -1}}

func metaOf(ev *state.Event) *eventMeta {
	if t := int(ev.Type()); t < len(metas) {
		return &metas[t]
	}
	return &noMeta
}

func makeMetas() []eventMeta {
	m := make([]eventMeta, len(scap.Events))
	for i := range m {
		m[i] = makeMeta(&scap.Events[i])
	}
	return m
}

func makeMeta(in *scap.EventInfo) eventMeta {
	m := noMeta
	if len(in.Params) == 0 {
		return m
	}
	if in.Dir == scap.Exit {
		m.result = int8(paramIndex(in, "res"))
		if m.result < 0 && in.Flags&scap.EFCreatesFD != 0 {
			m.result = int8(paramIndex(in, "fd"))
		}
		m.generic = in.Name == "syscall"
		switch in.Name {
		case "open", "openat", "openat2", "open_by_handle_at":
			m.flags = int8(paramIndex(in, "flags"))
			m.mode = int8(paramIndex(in, "mode"))
			m.open = m.flags >= 0
		case "creat":
			m.mode = int8(paramIndex(in, "mode"))
			m.creat = m.mode >= 0
		}
		m.paths = makePaths(in)
	} else {
		m.generic = in.Name == "syscall"
	}
	if isIO(in.Category) {
		m.data = int8(paramIndex(in, "data"))
	}
	if in.Name == "asyncevent" {
		m.async = int8(paramIndex(in, "name"))
	}
	return m
}

// isIO reports whether a category is one of those for input and output on a
// descriptor.
func isIO(c scap.Category) bool {
	return c == scap.CatIORead || c == scap.CatIOWrite || c == scap.CatIOOther
}

// paramIndex returns the index of a parameter by name, or -1.
func paramIndex(in *scap.EventInfo, name string) int {
	for i := range in.Params {
		if in.Params[i].Name == name {
			return i
		}
	}
	return -1
}

// isEventName reports whether an event or a call has that name.
func isEventName(name string) bool {
	for i := range scap.Events {
		if scap.Events[i].Name == name {
			return true
		}
	}
	for i := range scap.Syscalls {
		if scap.Syscalls[i].Name == name && name != "" {
			return true
		}
	}
	return false
}

// categoryNames are what evt.category prints.
var categoryNames = [...]string{
	scap.CatOther:      "other",
	scap.CatFile:       "file",
	scap.CatNet:        "net",
	scap.CatIpc:        "IPC", // in capitals, unlike I/O on pipes and the like
	scap.CatMemory:     "memory",
	scap.CatProcess:    "process",
	scap.CatSleep:      "sleep",
	scap.CatSystem:     "system",
	scap.CatSignal:     "signal",
	scap.CatUser:       "user",
	scap.CatTime:       "time",
	scap.CatProcessing: "processing",
	scap.CatWait:       "wait",
	scap.CatScheduler:  "scheduler",
	scap.CatInternal:   "internal",
}

// result returns what the call returned: negative for a failure.
func result(ev *state.Event) (int64, bool) {
	m := metaOf(ev)
	if m.result < 0 {
		return 0, false
	}
	return ev.Int(int(m.result))
}
