// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// The paths that calls on the file system work on.

func pathClass() Class {
	return Class{
		Name:      "fs.path",
		ShortDesc: "paths that a call works on",
		Doc:       "Paths of calls on the file system that succeeded: making, removing, renaming, linking, mounting, opening, and changing owner or mode.",
		Fields: []*Field{
			text("fs.path.name", pathOf(single, true), "Path that the call works on, absolute."),
			text("fs.path.nameraw", pathOf(single, false), "The same path as the program gave it."),
			text("fs.path.source", pathOf(source, true), "Of two paths the one that is renamed, linked or mounted from, absolute; for links the new name."),
			text("fs.path.sourceraw", pathOf(source, false), "The same path as the program gave it."),
			text("fs.path.target", pathOf(target, true), "Of two paths the other one, absolute; for links what they point to."),
			text("fs.path.targetraw", pathOf(target, false), "The same path as the program gave it."),
		},
	}
}

// pathMeta are the parameters of an event with its paths; -1 for none.
type pathMeta struct {
	single, source, target int8
	viaFD                  bool // the path is that of the event's descriptor
	open                   bool
}

// pathRole says which path of a call.
type pathRole uint8

const (
	single pathRole = iota
	source
	target
)

func makePaths(in *scap.EventInfo) pathMeta {
	m := pathMeta{single: -1, source: -1, target: -1}
	at := func(name string) int8 { return int8(paramIndex(in, name)) }
	switch in.Name {
	case "open", "openat", "openat2":
		m.single, m.open = at("name"), true
	case "unlinkat", "umount", "umount2":
		m.single = at("name")
	case "mkdir", "mkdirat", "rmdir", "unlink", "chown", "lchown":
		m.single = at("path")
	case "chmod", "fchmodat":
		m.single = at("filename")
	case "fchownat":
		m.single = at("pathname")
	case "quotactl":
		m.single = at("special")
	case "fchmod", "fchown":
		m.viaFD = true
	case "rename", "renameat", "renameat2":
		m.source, m.target = at("oldpath"), at("newpath")
	case "link", "linkat":
		m.source, m.target = at("newpath"), at("oldpath")
	case "symlink", "symlinkat":
		m.source, m.target = at("linkpath"), at("target")
	case "mount":
		m.source, m.target = at("dev"), at("dir")
	}
	return m
}

func (m *pathMeta) param(role pathRole) int {
	switch role {
	case source:
		return int(m.source)
	case target:
		return int(m.target)
	}
	return int(m.single)
}

func pathOf(role pathRole, absolute bool) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		m := &metaOf(ev).paths
		if !pathSucceeded(ev, m) {
			return false
		}
		if m.viaFD && role == single {
			if ev.FD == nil || ev.FD.Name == "" {
				return false
			}
			if !absolute && ev.FD.NameRaw != "" {
				return out.setText(ev.FD.NameRaw)
			}
			return out.setText(ev.FD.Name)
		}
		i := m.param(role)
		if i < 0 {
			return false
		}
		if !absolute {
			s, ok := ev.Str(i)
			out.S = s
			return ok && s != ""
		}
		return absPath(ev, i, out)
	}
}

// pathSucceeded: opens yield a path unless the call failed without a
// particular error (-1), everything else only after success.
func pathSucceeded(ev *state.Event, m *pathMeta) bool {
	res, ok := result(ev)
	if m.open {
		return ok && res != -1
	}
	return ok && res == 0
}

// absPath yields the path in parameter i, made absolute. A symbolic link's
// target is text of any kind; it is taken as relative to the directory.
func absPath(ev *state.Event, i int, out *Value) bool {
	s, ok := ev.Str(i)
	if !ok || s == "" {
		return false
	}
	from := len(ev.Arena)
	if isClean(s) {
		return out.setText(s)
	}
	if s[0] == '/' { // may still lead through .. or //
		ev.Arena = state.JoinPath(ev.Arena, "/", s)
		return out.setArena(ev, from)
	}
	in := ev.Info()
	switch in.Params[i].Type {
	case scap.PTFSPath, scap.PTFSRelpath:
		ev.Arena = appendResolved(ev.Arena, ev, i)
	default:
		ev.Arena = appendAbsPath(ev.Arena, ev, cString(ev.Param(i)), atFDCWD)
	}
	if len(ev.Arena) == from {
		return out.setText(s)
	}
	return out.setArena(ev, from)
}

// isClean reports whether an absolute path is surely what JoinPath would make
// of it. Most are, and need no copy then.
func isClean(s string) bool {
	if s[0] != '/' || len(s) > 1024 || len(s) > 1 && s[len(s)-1] == '/' {
		return false
	}
	for i := range len(s) - 1 {
		if s[i] == '/' && (s[i+1] == '/' || s[i+1] == '.') {
			return false
		}
	}
	return true
}

// evtAbsPath is the path of any call that has one, whatever came of it.
func evtAbsPath(ev *state.Event, arg *Arg, out *Value) bool {
	m := &metaOf(ev).paths
	i := int(m.single)
	switch {
	case arg.Text == "src" && m.source >= 0:
		i = int(min(m.source, m.target))
	case arg.Text == "dst" && m.source >= 0:
		i = int(max(m.source, m.target))
	case arg.Set:
		return false
	case m.source >= 0:
		i = int(max(m.source, m.target))
	}
	if i < 0 {
		return false
	}
	return absPath(ev, i, out)
}

func resolveAbsPath(ref *Ref) error {
	if !ref.Arg.Set || ref.Arg.Text == "src" || ref.Arg.Text == "dst" {
		return nil
	}
	return &ArgumentError{Field: ref.Field, Text: ref.Text, Msg: "evt.abspath takes src or dst, not " + ref.Arg.Text}
}
