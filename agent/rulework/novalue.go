// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// ofDescriptor are fields that only an event with a descriptor has.
var ofDescriptor = []string{
	"fd.num", "fd.name", "fd.nameraw", "fd.directory", "fd.filename", "fd.type", "fd.typechar", "fd.ip", "fd.cip", "fd.sip",
	"fd.lip", "fd.rip", "fd.port", "fd.cport", "fd.sport", "fd.lport", "fd.rport", "fd.sockfamily", "fd.is_server",
	"fd.uid", "fd.containername", "fd.containerdirectory", "fd.proto", "fd.cproto", "fd.sproto", "fd.lproto", "fd.rproto",
	"fd.net", "fd.cnet", "fd.snet", "fd.lnet", "fd.rnet", "fd.dev", "fd.dev.major", "fd.dev.minor", "fd.ino",
}

// neverHas reports whether a field, as outputs write it, has no value for any
// of the events: it is of former times, or it belongs to a descriptor and none
// has one, or to a parameter and none has it. What is not known may have one.
func neverHas(types evtset.Types, name string) bool {
	bare, _, _ := strings.Cut(name, "[")
	if f := fields.Default().Lookup(bare); f != nil && f.Dead {
		return true
	}
	if slices.Contains(ofDescriptor, name) {
		return !some(types, hasDescriptor)
	}
	for _, prefix := range []string{"evt.arg", "evt.rawarg"} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || rest == "" {
			continue
		}
		param := strings.TrimSuffix(strings.TrimLeft(rest, ".["), "]")
		if param == "" || strings.Trim(param, "0123456789") == "" || rest[0] != '.' && rest[0] != '[' {
			return false
		}
		return !some(types, func(e *scap.EventInfo) bool {
			return slices.ContainsFunc(e.Params, func(p scap.ParamInfo) bool { return p.Name == param })
		})
	}
	return false
}

func some(types evtset.Types, is func(*scap.EventInfo) bool) bool {
	for t := range types.Each {
		if info := t.Info(); info != nil && is(info) {
			return true
		}
	}
	return false
}

func hasDescriptor(e *scap.EventInfo) bool {
	if e.Class != scap.ClassSyscall || e.FDParam >= 0 || e.Flags&(scap.EFCreatesFD|scap.EFUsesFD) != 0 {
		return true // of other classes nothing is said
	}
	return slices.ContainsFunc(e.Params, func(p scap.ParamInfo) bool {
		return p.Type == scap.PTFD || p.Type == scap.PTFDList || p.Type == scap.PTFD32
	})
}

// fieldOf returns the field that a check needs a value of, "" for anything but
// a plain check.
func fieldOf(n filter.Node) string {
	var left filter.Node
	switch n := n.(type) {
	case *filter.Binary:
		left = n.Left
	case *filter.Unary:
		left = n.Left
	}
	f, ok := left.(*filter.Field)
	if !ok {
		return ""
	}
	if f.HasArg {
		return f.Name + "[" + f.Arg + "]"
	}
	return f.Name
}

// eventList names the events of a set, as far as they fit a message.
func eventList(types evtset.Types) string {
	var names []string
	for t := range types.Each {
		if name := t.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 8 {
		names = append(names[:8], "...")
	}
	return strings.Join(names, ", ")
}
