// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// List names in conditions are replaced in the text, before it is parsed, so
// that they stand for whatever list members could stand there. This is how
// the language is defined: a name counts between delimiters, even in quotes.
const (
	blanks     = " \t\n\r"
	delimiters = blanks + "(),="
)

// Longest text that lists may make of one condition: a list named in a list
// named in a list must not exhaust memory.
const maxExpansion = 8 << 20

// quoted puts a text with a blank in it in double quotes, unless it begins
// with a quote.
func quoted(s string) string {
	if strings.Contains(s, " ") && s[0] != '"' && s[0] != '\'' {
		return `"` + s + `"`
	}
	return s
}

// compiledList is a list with the lists that it names put in place.
type compiledList struct {
	def   *listDef
	items []string
	refs  []string // names of other lists among its items
	text  string   // as it goes into conditions
	used  bool
}

// compileLists resolves lists in lists: one level, and only such as were
// defined before the last change of the list that names them.
func (c *collector) compileLists() []*compiledList {
	out := make([]*compiledList, len(c.lists))
	byName := make(map[string]*compiledList, len(c.lists))
	for i, d := range c.lists {
		out[i] = &compiledList{def: d}
		byName[d.name] = out[i]
	}
	for _, l := range out {
		for _, item := range l.def.items {
			ref := byName[item]
			if ref == nil || ref.def.first >= l.def.last {
				l.items = append(l.items, item)
				continue
			}
			ref.used = true
			l.refs = append(l.refs, item)
			l.items = append(l.items, ref.def.items...)
		}
		texts := make([]string, len(l.items))
		for i, item := range l.items {
			texts[i] = quoted(item)
		}
		l.text = strings.Join(texts, ", ")
	}
	return out
}

// isList returns a test whether a word of a condition may be, or be part of,
// the name of a list.
func isList(lists map[string]*listDef) func(word string) bool {
	for name := range lists {
		if strings.ContainsAny(name, delimiters) { // a name of several words
			return func(string) bool { return true }
		}
	}
	return func(word string) bool { return lists[word] != nil }
}

// namesList reports whether any word of a condition may name a list: most name
// none, and looking for each list in each of them would cost.
func (rs *Ruleset) namesList(text string) bool {
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && strings.IndexByte(delimiters, text[i]) < 0 {
			continue
		}
		if i > start && rs.isList(text[start:i]) {
			return true
		}
		start = i + 1
	}
	return false
}

// expandLists puts the members of lists in the place of their names. hit is
// called for every list that the text names.
func (rs *Ruleset) expandLists(text string, hit func(*compiledList)) (string, bool) {
	if !rs.namesList(text) {
		return text, true
	}
	for _, l := range rs.lists {
		expanded, n := expandList(text, l.def.name, l.text)
		if n == 0 {
			continue
		}
		if hit(l); len(expanded) > maxExpansion {
			return "", false
		}
		text = expanded
	}
	return text, true
}

// expandList replaces a name wherever it stands between delimiters, together
// with the blanks around it. An empty list takes a neighbouring comma along.
// It gives up soon after the text is longer than maxExpansion.
func expandList(text, name, members string) (string, int) {
	if name == "" {
		return text, 0
	}
	var b strings.Builder
	n, done, from := 0, 0, 0
	for b.Len() <= maxExpansion {
		i := strings.Index(text[from:], name)
		if i < 0 {
			break
		}
		start := from + i
		end := start + len(name)
		from = start + 1
		if start > 0 && !strings.ContainsRune(delimiters, rune(text[start-1])) ||
			end < len(text) && !strings.ContainsRune(delimiters, rune(text[end])) {
			continue
		}
		for start > done && strings.IndexByte(blanks, text[start-1]) >= 0 {
			start--
		}
		for end < len(text) && strings.IndexByte(blanks, text[end]) >= 0 {
			end++
		}
		if members == "" {
			if start > done && text[start-1] == ',' {
				start--
			} else if end < len(text) && text[end] == ',' {
				end++
			}
		}
		b.WriteString(text[done:start])
		if start > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(members)
		b.WriteByte(' ')
		done, from = end, end
		n++
	}
	if n == 0 {
		return text, 0
	}
	b.WriteString(text[done:])
	return b.String(), n
}

// compiledMacro is a macro as a tree with all macros in it put in place.
type compiledMacro struct {
	def    *macroDef
	text   string      // with lists put in place
	tree   filter.Node // as parsed
	full   filter.Node // nil until resolved
	macros []string    // named directly
	lists  []string    // named directly
	size   int         // nodes of full, each time that they are used
	used   bool
}

// scope resolves macro names for one condition.
type scope struct {
	byName map[string]*compiledMacro
	limit  int              // only macros defined before are visible
	chain  []*compiledMacro // that are being resolved, the outermost first
	direct []string
	size   int // of the tree as it grows
}

// Most nodes that one condition and all of them together may have: macros
// that each use another one twice must not exhaust memory and time. The
// largest condition of the reference's rules has 1300, all have 8300.
const (
	maxTree  = 1 << 17
	maxTrees = 1 << 20
)

// unresolved is a macro name that nothing or only itself stands behind.
type unresolved struct {
	name string
	pos  filter.Pos
	loop bool
	huge bool
	in   *compiledMacro // the macro that holds the name; nil: what is resolved itself
}

func (u *unresolved) Error() string {
	switch {
	case u.loop:
		return "reference loop in macro '" + u.name + "'"
	case u.huge:
		return "The condition is too large when macro '" + u.name + "' is put in place"
	}
	return "Undefined macro '" + u.name + "' used in filter."
}

// resolve returns the tree with the macros in it put in place, as if
// bracketed.
func (s *scope) resolve(n filter.Node) (filter.Node, error) {
	return filter.Rewrite(n, func(n filter.Node) (filter.Node, error) {
		s.size++
		id, ok := n.(*filter.Identifier)
		if !ok {
			return n, nil
		}
		m := s.byName[id.Name]
		switch {
		case m == nil || m.def.first >= s.limit:
			return nil, &unresolved{name: id.Name, pos: id.At}
		case slices.Contains(s.chain, m):
			return nil, &unresolved{name: s.loopName(m), pos: id.At, loop: true}
		}
		m.used = true
		if !slices.Contains(s.direct, id.Name) {
			s.direct = append(s.direct, id.Name)
		}
		if err := m.resolve(s.byName, s.chain); err != nil {
			return nil, err
		}
		if s.size += m.size; s.size > maxTree {
			return nil, &unresolved{name: id.Name, pos: id.At, huge: true}
		}
		return m.full, nil
	})
}

// loopName names the loop that closes at m: by the first macro that is met
// twice when the outermost one is expanded.
func (s *scope) loopName(m *compiledMacro) string {
	if m == s.chain[0] && len(s.chain) > 1 {
		return s.chain[1].def.name
	}
	return m.def.name
}

func (m *compiledMacro) resolve(byName map[string]*compiledMacro, chain []*compiledMacro) error {
	if m.full != nil {
		return nil
	}
	s := scope{byName: byName, limit: m.def.last, chain: append(slices.Clone(chain), m)}
	full, err := s.resolve(m.tree)
	if err != nil {
		if u, ok := err.(*unresolved); ok && u.in == nil && len(chain) > 0 {
			u.in = m
		}
		return err
	}
	m.full, m.macros, m.size = full, s.direct, s.size
	return nil
}

// condition returns the text of a rule's condition with its exceptions.
func (d *ruleDef) condition() (string, *fault) {
	if len(d.exceptions) == 0 {
		return d.cond, nil
	}
	var b strings.Builder
	b.WriteString("(" + d.cond + ")")
	for i := range d.exceptions {
		text, f := d.exceptions[i].condition()
		if f != nil {
			return "", f
		}
		if text != "" {
			b.WriteString(" and not " + text)
		}
		if b.Len() > maxExpansion {
			return "", tooLong(d.at)
		}
	}
	return b.String(), nil
}

func tooLong(at *place) *fault {
	return &fault{code: ErrValidate, msg: "The condition is too long", at: at}
}
