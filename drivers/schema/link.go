// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"cmp"
	"fmt"
	"slices"
)

// link resolves names, orders everything by code and checks what no single
// entry can know.
func (s *Schema) link() error {
	for _, step := range []func() error{s.orderEvents, s.orderCalls, s.linkCalls, s.linkParams, s.linkSets, s.checkNumbers} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// orderEvents sorts the events by code; the codes must have no hole.
func (s *Schema) orderEvents() error {
	slices.SortStableFunc(s.Events, func(a, b *Half) int { return cmp.Compare(a.Code, b.Code) })
	enums := map[string]*Half{}
	for i, h := range s.Events {
		if i > 0 && s.Events[i-1].Code == h.Code {
			return h.Event.Errorf("event code %d is already used at %s", h.Event.Code, s.Events[i-1].Event.Pos)
		}
		if h.Code != i {
			return h.Event.Errorf("event codes have a hole: %d to %d are missing", i, h.Code-1)
		}
		if old := enums[h.Enum]; old != nil {
			return h.Event.Errorf("event %s is already defined at %s", h.Event.Enum, old.Event.Pos)
		}
		enums[h.Enum] = h
	}
	return nil
}

// orderCalls sorts the calls by code; the codes must have no hole.
func (s *Schema) orderCalls() error {
	slices.SortStableFunc(s.Calls, func(a, b *Call) int { return cmp.Compare(a.Code, b.Code) })
	for i, c := range s.Calls {
		if i > 0 && s.Calls[i-1].Code == c.Code {
			return c.Errorf("SC code %d of %s is already used at %s", c.Code, c.Name, s.Calls[i-1].Pos)
		}
		if c.Code != i {
			return c.Errorf("SC codes have a hole: %d to %d are missing (reserve them in syscalls.yaml)", i, c.Code-1)
		}
	}
	return nil
}

// linkCalls connects events and calls in both directions. The first pair of
// codes is the generic event, which carries every call without an own one.
func (s *Schema) linkCalls() error {
	for _, ev := range s.pairs {
		ev.Calls = append(ev.Calls, ev.defined...)
		for _, name := range ev.callRefs {
			c := s.calls[name]
			if c == nil {
				return ev.Errorf("event %s: no call %q is defined", ev.Enum, name)
			}
			ev.Calls = append(ev.Calls, c)
		}
		if ev.Code == 0 {
			for _, c := range s.Calls {
				if c.Kind == KindSyscall && c.Event == nil {
					ev.Calls = append(ev.Calls, c)
				}
			}
		}
		slices.SortFunc(ev.Calls, func(a, b *Call) int { return cmp.Compare(a.Code, b.Code) })
	}
	for _, h := range s.Events {
		if h.Status == StatusUnused {
			continue
		}
		for _, c := range h.Event.Calls {
			c.Events = append(c.Events, h)
		}
	}
	return nil
}

func (s *Schema) linkParams() error {
	for _, h := range s.Events {
		if err := s.linkHalf(h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) linkHalf(h *Half) error {
	index := func(name string) int {
		return slices.IndexFunc(h.Params, func(p *Param) bool { return p.Name == name })
	}
	if h.fdName != "" {
		if h.FD = index(h.fdName); h.FD < 0 {
			return h.Errorf("%s: fd names no parameter: %q", h.Enum, h.fdName)
		}
	}
	if h.Parts > 1 && h.Filler != FillerHand {
		return h.Errorf("%s: only a filler by hand can have parts", h.Enum)
	}
	for i, p := range h.Params {
		if index(p.Name) != i {
			return p.Errorf("%s: parameter %s is given twice", h.Enum, p.Name)
		}
		if err := s.linkParam(h, p); err != nil {
			return err
		}
		if p.dirfd != "" {
			if p.DirFD = index(p.dirfd); p.DirFD < 0 || h.Params[p.DirFD].Type.Name != "fd" {
				return p.Errorf("%s: dirfd of %s names no fd parameter: %q", h.Enum, p.Name, p.dirfd)
			}
		}
	}
	return nil
}

func (s *Schema) linkParam(h *Half, p *Param) (err error) {
	if p.Table != nil {
		name := p.Table.Name
		if p.Type.Name == "dyn" {
			p.Table, p.Dyn = nil, s.dynamic[name]
		} else {
			p.Table = s.tables[name]
		}
		if p.Table == nil && p.Dyn == nil {
			return p.Errorf("%s: no table %q for parameter %s", h.Enum, name, p.Name)
		}
	}
	switch {
	case !h.Live():
		if p.from != "" {
			return p.Errorf("%s: parameter %s has a source, but no driver makes the event", h.Enum, p.Name)
		}
		return nil
	case p.from == "":
		if h.Filler == FillerGeneric || h.Filler == FillerNone {
			return nil
		}
		return p.Errorf("%s: parameter %s has no source (from)", h.Enum, p.Name)
	case h.Filler != FillerSimple:
		p.From = Source{Kind: SourceText, Name: p.from}
		return nil
	}
	if p.From, err = parseSource(p.from); err == nil {
		err = p.From.fits(p.Type)
	}
	if err == nil && p.From.Kind == SourceConv && !s.conversions[p.From.Name] {
		err = fmt.Errorf("no conversion %q (see conversions.yaml)", p.From.Name)
	}
	if err != nil {
		return p.Errorf("%s: parameter %s: %w", h.Enum, p.Name, err)
	}
	return nil
}

func (s *Schema) linkSets() error {
	for _, set := range s.Sets {
		for _, name := range set.names {
			c := s.calls[name]
			if c == nil {
				return set.Errorf("set %s: no call %q is defined", set.Name, name)
			}
			if slices.Contains(set.Calls, c) {
				return set.Errorf("set %s: %s is given twice", set.Name, name)
			}
			set.Calls = append(set.Calls, c)
		}
		slices.SortFunc(set.Calls, func(a, b *Call) int { return cmp.Compare(a.Code, b.Code) })
	}
	return nil
}

// checkNumbers finds native numbers that two calls claim.
func (s *Schema) checkNumbers() error {
	seen := map[string]*Call{}
	claim := func(table string, nr int, c *Call) error {
		key := fmt.Sprint(table, " ", nr)
		if old := seen[key]; old != nil {
			return c.Errorf("%s number %d of %s is already that of %s", table, nr, c.Name, old.Name)
		}
		seen[key] = c
		return nil
	}
	for _, c := range s.Calls {
		for _, a := range Archs {
			if nr, ok := c.Number[a]; ok {
				if err := claim(string(a), nr, c); err != nil {
					return err
				}
			}
		}
		if _, ok := c.Number[AMD64]; !ok && len(c.IA32) > 0 {
			return c.Errorf("call %s has a 32-bit number, but no %s number to map it to", c.Name, AMD64)
		}
		for _, nr := range c.IA32 {
			if err := claim("ia32", nr, c); err != nil {
				return err
			}
		}
	}
	return nil
}
