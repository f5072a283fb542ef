// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"

	"github.com/tiercel/tiercel/sinsp/state"
)

// maxAncestorEnv is how far proc.aenv[NAME] looks for a variable.
const maxAncestorEnv = 20

// mainThread is the main thread of the event's process; the thread itself
// where that is not known, so that level 0 always means the process itself.
func mainThread(ev *state.Event) *state.Thread {
	if ev.Thread == nil {
		return nil
	}
	if m := ev.Thread.Main(); m != nil {
		return m
	}
	return ev.Thread
}

// ancestor is n steps up from the event's process, or nil.
func ancestor(ev *state.Event, n int64) *state.Thread {
	t := mainThread(ev)
	for ; t != nil && n > 0; n-- {
		t = t.Parent()
	}
	return t
}

// next steps through the ancestors from the parent upward: it returns the
// i-th, provided that the calls before it asked for those before it.
func (v *Value) next(ev *state.Event, i int) *state.Thread {
	if i == 0 || v.cur == nil {
		v.cur = ancestor(ev, int64(i)+1)
	} else {
		v.cur = v.cur.Parent()
	}
	return v.cur
}

// ancestorText makes a field with get's text of an ancestor: by number, in
// outputs without number all of them joined by blanks, in conditions any.
func ancestorText(name string, get func(*state.Thread) string, doc string) *Field {
	extract := func(ev *state.Event, arg *Arg, out *Value) bool {
		if arg.Set {
			if arg.Num < 0 {
				return false
			}
			t := ancestor(ev, arg.Num)
			return t != nil && out.setText(get(t))
		}
		return joinAncestors(ev, get, out)
	}
	each := func(ev *state.Event, _ *Arg, i int, out *Value) bool {
		t := out.next(ev, i)
		return t != nil && out.setText(get(t))
	}
	return text(name, extract, doc).index().plain().each(each)
}

func joinAncestors(ev *state.Event, get func(*state.Thread) string, out *Value) bool {
	t := ancestor(ev, 1)
	if t == nil {
		return false
	}
	from := len(ev.Arena)
	for ; t != nil; t = t.Parent() {
		if len(ev.Arena) > from {
			ev.Arena = append(ev.Arena, ' ')
		}
		ev.Arena = append(ev.Arena, get(t)...)
	}
	return out.setArena(ev, from)
}

func procAncestorArgs(ev *state.Event, arg *Arg, out *Value) bool {
	if !arg.Set {
		return joinAncestors(ev, func(t *state.Thread) string { return t.ArgLine }, out)
	}
	if arg.Num < 0 {
		return false
	}
	t := ancestor(ev, arg.Num)
	return t != nil && out.setText(t.ArgLine)
}

func procAncestorPID(ev *state.Event, arg *Arg, out *Value) bool {
	if !arg.Set {
		return ev.Thread != nil && out.setInt(ev.Thread.PID)
	}
	if arg.Num < 0 {
		return false
	}
	t := ancestor(ev, arg.Num)
	return t != nil && out.setInt(t.PID)
}

func eachAncestorPID(ev *state.Event, _ *Arg, i int, out *Value) bool {
	t := out.next(ev, i)
	return t != nil && out.setInt(t.PID)
}

// envValue is the value of a variable, trimmed of blanks; an empty one counts
// as missing.
func envValue(t *state.Thread, name string) string {
	for _, e := range t.Env {
		if len(e) > len(name) && e[len(name)] == '=' && strings.HasPrefix(e, name) {
			return strings.Trim(e[len(name)+1:], " \t\r\n")
		}
	}
	return ""
}

func procEnv(ev *state.Event, arg *Arg, out *Value) bool {
	m := mainThread(ev)
	if m == nil {
		return false
	}
	if !arg.Set {
		return out.setText(m.EnvLine)
	}
	out.S = envValue(m, arg.Text)
	return out.S != ""
}

func procAncestorEnv(ev *state.Event, arg *Arg, out *Value) bool {
	switch {
	case !arg.Set:
		return joinAncestors(ev, func(t *state.Thread) string { return t.EnvLine }, out)
	case arg.IsNum:
		if arg.Num < 0 {
			return false
		}
		t := ancestor(ev, arg.Num)
		return t != nil && out.setText(t.EnvLine)
	}
	t := ancestor(ev, 1)
	for i := 0; i < maxAncestorEnv && t != nil; i++ {
		if out.S = envValue(t, arg.Text); out.S != "" {
			return true
		}
		t = t.Parent()
	}
	return false
}

// eachAncestorEnv yields for a condition the value of a variable in the
// nearest ancestor that has it, else the whole environment of one ancestor
// after the other, whatever number was given.
func eachAncestorEnv(ev *state.Event, arg *Arg, i int, out *Value) bool {
	if arg.Set && !arg.IsNum {
		return i == 0 && procAncestorEnv(ev, arg, out)
	}
	t := out.next(ev, i)
	return t != nil && out.setText(t.EnvLine)
}

// procLoginShell walks up as far as there are ancestors and keeps the last
// shell that it met.
func procLoginShell(ev *state.Event, _ *Arg, out *Value) bool {
	found := false
	for t := mainThread(ev); t != nil; t = t.Parent() {
		if strings.HasSuffix(t.Comm, "sh") {
			found = out.setInt(t.PID)
		}
	}
	return found
}

// ofLeader asks the process after which a session or process group is numbered.
func ofLeader(find func(*state.Engine, *state.Thread) *state.Thread, get func(*state.Thread) string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Engine == nil || ev.Thread == nil {
			return false
		}
		t := find(ev.Engine, mainThread(ev))
		return t != nil && out.setText(get(t))
	}
}
