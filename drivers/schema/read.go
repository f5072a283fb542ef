// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"io/fs"
	"math"
	"path"
	"strings"
)

const (
	maxCode = 1023 // of events and calls
	maxNr   = 1023 // native call numbers
)

// read fills s from the files, without looking across entries.
func (s *Schema) read(fsys fs.FS) error {
	for _, f := range []struct {
		name string
		read func(node) error
	}{
		{"flags.yaml", s.readTables},
		{"conversions.yaml", s.readConversions},
		{"dynamic.yaml", s.readDynamic},
		{"syscalls.yaml", s.readGeneric},
		{"sets.yaml", s.readSets},
	} {
		n, err := readFile(fsys, f.name)
		if err != nil {
			return err
		}
		if err := f.read(n); err != nil {
			return err
		}
	}
	files, err := fs.Glob(fsys, path.Join("events", "*.yaml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		n, err := readFile(fsys, f)
		if err != nil {
			return err
		}
		list, err := n.items()
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := s.readEvent(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Schema) readTables(top node) error {
	es, err := top.entries()
	if err != nil {
		return err
	}
	for _, e := range es {
		m, err := e.value.fields("values", "var const strip verbatim enum internal")
		if err != nil {
			return err
		}
		t := &Table{Pos: e.value.pos(), Name: e.key}
		for _, f := range []struct {
			key string
			to  *string
		}{{"var", &t.Var}, {"const", &t.Const}, {"strip", &t.Strip}} {
			if n, ok := m[f.key]; ok {
				if *f.to, err = n.text(); err != nil {
					return err
				}
			}
		}
		_, t.Enum = m["enum"]
		_, t.Verbatim = m["verbatim"]
		if t.Values, err = readValues(m["values"]); err != nil {
			return err
		}
		if n, ok := m["internal"]; ok {
			if t.Internal, err = readValues(n); err != nil {
				return err
			}
		}
		s.tables[t.Name] = t
		s.Tables = append(s.Tables, t)
	}
	return nil
}

func readValues(n node) ([]Value, error) {
	es, err := n.entries()
	if err != nil {
		return nil, err
	}
	vs := make([]Value, len(es))
	for i, e := range es {
		v, err := e.value.number(0, math.MaxUint32)
		if err != nil {
			return nil, err
		}
		vs[i] = Value{e.value.pos(), e.key, uint32(v)}
	}
	return vs, nil
}

func (s *Schema) readDynamic(top node) error {
	es, err := top.entries()
	if err != nil {
		return err
	}
	for _, e := range es {
		d := &Dynamic{Pos: e.value.pos(), Name: e.key}
		list, err := e.value.items()
		if err != nil {
			return err
		}
		for _, n := range list {
			p, err := readParam(n)
			if err != nil {
				return err
			}
			d.Variants = append(d.Variants, Variant{p.Name, p.Type, p.Format})
		}
		s.dynamic[d.Name] = d
		s.Dynamic = append(s.Dynamic, d)
	}
	return nil
}

// readGeneric reads the calls that have no event of their own.
func (s *Schema) readGeneric(top node) error {
	m, err := top.fields("reserved generic", "")
	if err != nil {
		return err
	}
	reserved, err := m["reserved"].numbers(0, maxCode)
	if err != nil {
		return err
	}
	for _, code := range reserved {
		s.Calls = append(s.Calls, &Call{Pos: m["reserved"].pos(), Code: code, Kind: KindReserved})
	}
	es, err := m["generic"].entries()
	if err != nil {
		return err
	}
	for _, e := range es {
		c, err := readCall(e)
		if err != nil {
			return err
		}
		c.Kind, c.Sampling = KindSyscall, "always"
		if err := s.addCall(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) addCall(c *Call) error {
	if old := s.calls[c.Name]; old != nil {
		return c.Errorf("call %s is already defined at %s", c.Name, old.Pos)
	}
	s.calls[c.Name] = c
	s.Calls = append(s.Calls, c)
	return nil
}

func readCall(e entry) (*Call, error) {
	m, err := e.value.fields("sc", keys(AMD64+" "+ARM64+" ia32 sampling drops"))
	if err != nil {
		return nil, err
	}
	c := &Call{Pos: e.value.pos(), Name: e.key, Number: map[Arch]int{}}
	code, err := m["sc"].number(1, maxCode)
	if err != nil {
		return nil, err
	}
	c.Code = int(code)
	for _, a := range Archs {
		if n, ok := m[string(a)]; ok {
			nr, err := n.number(0, maxNr)
			if err != nil {
				return nil, err
			}
			c.Number[a] = int(nr)
		}
	}
	if n, ok := m["ia32"]; ok {
		if c.IA32, err = n.numbers(0, maxNr); err != nil {
			return nil, err
		}
	}
	if n, ok := m["sampling"]; ok {
		if c.Sampling, err = n.oneOf("never", "always"); err != nil {
			return nil, err
		}
	}
	if n, ok := m["drops"]; ok {
		if c.Drops, err = n.oneOf(DropClasses[1:]...); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// DropClasses are the classes of drop counters, in the order of scap.DropClass.
var DropClasses = []string{"other", "clone_fork", "execve", "connect", "open", "dir_file", "close", "proc_exit"}

func (s *Schema) readSets(top node) error {
	es, err := top.entries()
	if err != nil {
		return err
	}
	for _, e := range es {
		m, err := e.value.fields("doc calls", "")
		if err != nil {
			return err
		}
		set := &Set{Pos: e.value.pos(), Name: e.key}
		if set.Doc, err = m["doc"].text(); err != nil {
			return err
		}
		if set.names, err = m["calls"].texts(); err != nil {
			return err
		}
		s.Sets = append(s.Sets, set)
	}
	return nil
}

func (s *Schema) readEvent(n node) error {
	m, err := n.fields("event code name category", "class status flags calls enter exit")
	if err != nil {
		return err
	}
	ev := &Event{Pos: n.pos(), Class: "syscall", Status: StatusDriver}
	if ev.Enum, err = m["event"].text(); err != nil {
		return err
	}
	if ev.Name, err = m["name"].text(); err != nil {
		return err
	}
	code, err := m["code"].number(0, maxCode-1)
	if err != nil {
		return err
	}
	if ev.Code = int(code); ev.Code%2 != 0 {
		return m["code"].errorf("%d is odd: the code is that of the enter half", ev.Code)
	}
	if ev.Category, err = m["category"].oneOf(names(categories)...); err != nil {
		return err
	}
	if c, ok := m["class"]; ok {
		if ev.Class, err = c.oneOf(names(classes)...); err != nil {
			return err
		}
	}
	if st, ok := m["status"]; ok {
		if ev.Status, err = readStatus(st); err != nil {
			return err
		}
	}
	if f, ok := m["flags"]; ok {
		if ev.Flags, err = readFlags(f); err != nil {
			return err
		}
	}
	if c, ok := m["calls"]; ok {
		if err := s.readEventCalls(ev, c); err != nil {
			return err
		}
	}
	for i, key := range []string{"enter", "exit"} {
		h, err := readHalf(ev, i, m[key])
		if err != nil {
			return err
		}
		ev.halves[i] = h
		s.Events = append(s.Events, h)
	}
	s.pairs = append(s.pairs, ev)
	return nil
}

// readEventCalls reads the calls of an event: a mapping defines them, a list
// names calls that another entry defines.
func (s *Schema) readEventCalls(ev *Event, n node) error {
	if list, err := n.texts(); err == nil {
		ev.callRefs = list
		return nil
	}
	es, err := n.entries()
	if err != nil {
		return n.errorf("calls must be a mapping that defines calls or a list of names")
	}
	for _, e := range es {
		c, err := readCall(e)
		if err != nil {
			return err
		}
		c.Kind, c.Event = KindSyscall, ev
		if ev.Class == "tracepoint" {
			c.Kind = KindTracepoint
		}
		if err := s.addCall(c); err != nil {
			return err
		}
		ev.defined = append(ev.defined, c)
	}
	return nil
}

func readStatus(n node) (string, error) {
	return n.oneOf(StatusUnused, StatusDriver, StatusUserspace, StatusLegacy, StatusLegacyEnter, StatusCaptureOnly)
}

func readFlags(n node) ([]string, error) {
	list, err := n.items()
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, f := range list {
		w, err := f.oneOf(names(eventFlags)...)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// readHalf reads one half; a missing half is an unused code.
func readHalf(ev *Event, i int, n node) (*Half, error) {
	h := &Half{Pos: ev.Pos, Event: ev, Code: ev.Code + i, Enum: "PPME_" + ev.Enum + []string{"_E", "_X"}[i], FD: -1, Parts: 1}
	if n.Node == nil {
		h.Status, h.Flags = StatusUnused, []string{"unused"}
		return h, nil
	}
	h.Pos = n.pos()
	m, err := n.fields("", "status flags fd filler parts params")
	if err != nil {
		return nil, err
	}
	h.Status = ev.Status
	if st, ok := m["status"]; ok {
		if h.Status, err = readStatus(st); err != nil {
			return nil, err
		}
	}
	h.Flags = defaultFlags(ev, h.Status)
	if f, ok := m["flags"]; ok {
		if h.Flags, err = readFlags(f); err != nil {
			return nil, err
		}
	}
	if f, ok := m["fd"]; ok {
		if h.fdName, err = f.text(); err != nil {
			return nil, err
		}
	}
	if f, ok := m["filler"]; ok {
		if h.Filler, err = f.oneOf(FillerHand, FillerGeneric, FillerEnter, FillerNone); err != nil {
			return nil, err
		}
	}
	if f, ok := m["parts"]; ok {
		v, err := f.number(1, 8)
		if err != nil {
			return nil, err
		}
		h.Parts = int(v)
	}
	if ps, ok := m["params"]; ok {
		list, err := ps.items()
		if err != nil {
			return nil, err
		}
		for _, pn := range list {
			p, err := readParam(pn)
			if err != nil {
				return nil, err
			}
			h.Params = append(h.Params, p)
		}
	}
	return h, nil
}

// defaultFlags are the event's own; old versions and empty codes are marked as
// such.
func defaultFlags(ev *Event, status string) []string {
	if status == StatusUnused {
		return []string{"unused"}
	}
	if strings.HasPrefix(status, StatusLegacy) {
		return append(append([]string{}, ev.Flags...), "old_version")
	}
	return ev.Flags
}

func readParam(n node) (*Param, error) {
	m, err := n.fields("name type", "format table dirfd from")
	if err != nil {
		return nil, err
	}
	p := &Param{Pos: n.pos(), DirFD: -1}
	word := map[string]string{}
	for k, v := range m {
		if word[k], err = v.text(); err != nil {
			return nil, err
		}
	}
	p.Name = word["name"]
	if p.Type = typeByName(word["type"]); p.Type == nil {
		return nil, n.errorf("parameter %s: unknown type %q", p.Name, word["type"])
	}
	p.Format = p.Type.Format
	if f, ok := m["format"]; ok {
		if p.Format = word["format"]; formats[p.Format] == "" {
			return nil, f.errorf("parameter %s: unknown format %q", p.Name, p.Format)
		}
	}
	p.dirfd, p.from = word["dirfd"], word["from"]
	if t := word["table"]; t != "" {
		p.Table = &Table{Name: t} // looked up by link
	}
	return p, nil
}
