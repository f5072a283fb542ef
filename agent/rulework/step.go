// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/scap"
)

// shorthands are steps that stand for more than one event, or for the usual
// form of a call; the key is what one value alone means.
var shorthands = map[string]struct {
	main string
	do   func(*world, *attrs) error
}{
	"exec":    {"path", (*world).stepExec},
	"open":    {"path", (*world).stepOpen},
	"connect": {"to", (*world).stepConnect},
	"accept":  {"from", (*world).stepAccept},
	"wait":    {"time", (*world).stepWait},
}

// step makes the events of one entry of a script.
func (w *world) step(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	w.line = n.Line
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return fmt.Errorf("line %d: an event is a map of one name to what belongs to it", n.Line)
	}
	name, value := n.Content[0].Value, n.Content[1]
	short, isShort := shorthands[name]
	typ, known := eventType(name)
	if !isShort && !known {
		return fmt.Errorf("line %d: there is no event %q; use %s or the name of a system call", n.Line, name, "exec, open, connect, accept, wait")
	}
	mainKey := short.main
	if !isShort {
		mainKey = mainParam(typ)
	}
	a, err := newAttrs(value)
	if value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null" && mainKey != "" {
		a, err = &attrs{line: n.Line, values: map[string]*yaml.Node{mainKey: value}, order: []string{mainKey}}, nil
	}
	if err != nil {
		return err
	}
	if isShort {
		return short.do(w, a)
	}
	return w.stepCall(name, typ, a)
}

// eventType returns the current event of a name: the exit of a call, or a
// tracepoint.
func eventType(name string) (scap.EventType, bool) {
	best, found := scap.EventType(0), false
	for i := range scap.Events {
		e := &scap.Events[i]
		if e.Name == name && e.Status == scap.StatusDriver && (!e.Code.IsEnter() || !found) {
			best, found = e.Code, true
		}
	}
	return best, found
}

// mainParam is the parameter that one value alone means: the first path or
// address, else the first parameter that is no result.
func mainParam(typ scap.EventType) string {
	params := typ.Info().Params
	for i := range params {
		switch params[i].Type {
		case scap.PTFSPath, scap.PTFSRelpath, scap.PTSockaddr:
			return params[i].Name
		}
	}
	for i := range params {
		if params[i].Type != scap.PTErrno {
			return params[i].Name
		}
	}
	return ""
}

// actor takes who acts.
func (w *world) actor(a *attrs) (*process, error) {
	who, err := a.text("by", "")
	if err != nil {
		return nil, err
	}
	p := w.current()
	if who != "" {
		if p, err = w.need(who); err != nil {
			return nil, fmt.Errorf("line %d: by: %w", a.line, err)
		}
	}
	w.last = p
	return p, nil
}

// stepCall makes any event of the tables from values for its parameters.
func (w *world) stepCall(name string, typ scap.EventType, a *attrs) error {
	p, err := w.actor(a)
	if err != nil {
		return err
	}
	params, known := map[string][]byte{}, []string{"by"}
	info := typ.Info()
	for i := range info.Params {
		param := &info.Params[i]
		known = append(known, param.Name)
		n := a.take(param.Name)
		if n != nil && n.Kind == yaml.ScalarNode && n.Value == "last" && param.Type == scap.PTFD {
			n = &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatInt(p.lastFD, 10), Line: n.Line}
		}
		if n == nil {
			n = w.usual(info, i, p)
		}
		if n == nil {
			continue
		}
		if params[param.Name], err = encode(param, n); err != nil {
			return err
		}
	}
	if err := a.left(name, known); err != nil {
		return err
	}
	return w.emit(typ, p, true, params)
}

// usual is the value of a parameter that a script leaves out: calls succeed,
// new descriptors get the next number, paths begin at the working directory.
func (w *world) usual(info *scap.EventInfo, i int, p *process) *yaml.Node {
	param := &info.Params[i]
	value := int64(0)
	switch {
	case i == 0 && param.Type == scap.PTErrno:
	case i == 0 && param.Type == scap.PTFD && info.Flags&scap.EFCreatesFD != 0:
		value = p.newFD()
	case param.Type == scap.PTFD && strings.HasSuffix(param.Name, "dirfd"), param.Name == "olddir", param.Name == "newdir":
		value = atFDCWD
	case param.Type == scap.PTFD && param.Name == "fd" && p.lastFD != noFD:
		value = p.lastFD
	default:
		return nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatInt(value, 10)}
}

func (p *process) newFD() int64 {
	p.lastFD = p.nextFD
	p.nextFD++
	return p.lastFD
}

// stepOpen opens a file as programs do today: with openat.
func (w *world) stepOpen(a *attrs) error {
	if n := a.take("path"); n != nil {
		a.values["name"], a.order = n, append(a.order, "name")
	}
	for _, d := range []struct{ key, value string }{{"flags", "O_RDONLY"}, {"dev", "2049"}, {"ino", "4711"}} {
		if a.values[d.key] == nil {
			a.values[d.key] = &yaml.Node{Kind: yaml.ScalarNode, Value: d.value, Line: a.line}
			a.order = append(a.order, d.key)
		}
	}
	if a.values["name"] == nil {
		return fmt.Errorf("line %d: open needs the path of a file", a.line)
	}
	return w.stepCall("open", scap.EvOpenatV2X, a)
}

// stepWait lets time pass.
func (w *world) stepWait(a *attrs) error {
	text, err := a.text("time", "")
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("line %d: wait is a time such as 5s, not %q", a.line, text)
	}
	w.ts += uint64(d)
	return a.left("wait", []string{"time"})
}
