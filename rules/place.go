// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// Position is a place in a text. In rules files lines and columns count from
// 0 (columns in bytes); in conditions they are those of the condition, from 1,
// added to the place where the condition stands.
type Position struct {
	Name   string // of the file, or the beginning of the condition in quotes
	Line   int
	Column int
	Offset int // in bytes
}

// Location is one step of the way from a file to the thing that an issue is
// about, e.g. {"rule", "Write below etc"}.
type Location struct {
	Type     string
	Name     string
	Position Position
}

// What a location can be.
const (
	inContent         = "rules content"
	inContentItem     = "rules content item"
	inEngineVersion   = "required_engine_version"
	inPlugins         = "required plugin versions"
	inPlugin          = "required plugin versions entry"
	inAlternative     = "required plugin versions alternative"
	inList            = "list"
	inListItem        = "list item"
	inMacro           = "macro"
	inMacroCondition  = "macro condition"
	inRule            = "rule"
	inRuleCondition   = "rule condition"
	inCondition       = "condition expression"
	inRuleOutput      = "rule output"
	inOutput          = "rule output expression"
	inRulePriority    = "rule priority"
	inOverrides       = "overrides"
	inExceptions      = "exceptions"
	inException       = "exception"
	inExceptionValues = "exception values"
	inExceptionValue  = "exception value"
	inValueFor        = "value for"
)

// place is a location with the way to it. The innermost one that has a text
// says what snippets are cut from.
type place struct {
	Location
	parent *place
	text   string
	near   int // offset in a condition of what exactly is meant, see nearer
}

// inside returns the place of n within p.
func (p *place) inside(n node, what, name string) *place {
	return &place{
		Location: Location{Type: what, Name: name, Position: n.position()},
		parent:   p,
		text:     p.text,
	}
}

// outermost returns the place of the whole file.
func (p *place) outermost() *place {
	for p.parent != nil {
		p = p.parent
	}
	return p
}

// Length of the beginning of a condition that names it in a report.
const conditionName = 20

// inText returns the place pos of text, which is a condition or an output
// that stands at p.
func (p *place) inText(what, text string, pos filter.Pos) *place {
	name := text
	if len(name) > conditionName {
		name = name[:conditionName-3] + "..."
	}
	name = `"` + strings.NewReplacer("\n", " ", "\r", " ").Replace(name) + `"`
	at := p.Position
	return &place{
		Location: Location{Type: what, Position: Position{
			Name:   name,
			Line:   at.Line + pos.Line,
			Column: at.Column + pos.Col,
			Offset: at.Offset + pos.Offset,
		}},
		parent: p,
		text:   text,
		near:   pos.Offset,
	}
}

// nearer returns p, a place in a condition, for reports that name the check,
// with the place of the word in it, which hints name.
func (p *place) nearer(pos filter.Pos) *place {
	p.near = pos.Offset
	return p
}

// context makes what a report shows of p.
func (p *place) context() Context {
	c := Context{text: p.text, file: p.text, near: p.near}
	if p.Type == inCondition {
		c.file = p.parent.text
	}
	for q := p; q != nil; q = q.parent {
		c.Locations = append(c.Locations, q.Location)
	}
	for i, j := 0, len(c.Locations)-1; i < j; i, j = i+1, j-1 {
		c.Locations[i], c.Locations[j] = c.Locations[j], c.Locations[i]
	}
	return c
}

// Context is where an issue is: the way to it from the file inwards.
type Context struct {
	Locations []Location
	text      string // what the innermost location is in: the file or the condition
	file      string
	near      int // see place
}

// Where returns the innermost place in the file as editors count it, line and
// column from 1, and the rule, macro or list that it is in, if any. A place in
// a condition is found by the word that stands there, because blocks are
// folded and lists put in place before a condition is read.
func (c Context) Where() (file string, line, col int, item string) {
	var at Position
	for _, l := range c.Locations {
		if l.Type == inCondition {
			at = c.wordAt(at, c.near)
			break
		}
		at = l.Position
		switch l.Type {
		case inRule, inMacro, inList:
			item = l.Type + " '" + l.Name + "'"
		}
	}
	return at.Name, at.Line + 1, at.Column + 1, item
}

// wordAt returns the place in the file, behind start, of the word at an offset
// of the condition, or of the last one before; start itself when there is none.
func (c Context) wordAt(start Position, offset int) Position {
	from := max(0, min(offset, len(c.text)))
	for from > 0 && (from == len(c.text) || strings.IndexByte(delimiters, c.text[from]) >= 0) {
		from--
	}
	for from > 0 && strings.IndexByte(delimiters, c.text[from-1]) < 0 {
		from--
	}
	word := c.text[from:]
	if n := strings.IndexAny(word, delimiters); n >= 0 {
		word = word[:n]
	}
	if word == "" || start.Offset >= len(c.file) {
		return start
	}
	at := start.Offset
	for skip := strings.Count(c.text[:from], word); skip >= 0; skip-- {
		i := strings.Index(c.file[at:], word)
		if i < 0 {
			return start
		}
		at += i + len(word)
	}
	at -= len(word)
	start.Line += strings.Count(c.file[start.Offset:at], "\n")
	start.Column = at - strings.LastIndexByte(c.file[:at], '\n') - 1
	start.Offset = at
	return start
}

// String prints the way, one line a step.
func (c Context) String() string {
	var b strings.Builder
	for i, l := range c.Locations {
		lead := "    "
		if i == 0 {
			lead = "In "
		}
		b.WriteString(lead + l.Type)
		if l.Name != "" {
			b.WriteString(" '" + l.Name + "'")
		}
		p := l.Position
		fmt.Fprintf(&b, ": (%s:%d:%d)\n", p.Name, p.Line, p.Column)
	}
	return b.String()
}

// Bytes of a line that a snippet shows on either side of the place.
const snippetReach = 80

// Snippet returns the line with the innermost location, cut where it is long,
// and below it a line with a caret at the place.
func (c Context) Snippet() string {
	if len(c.Locations) == 0 || c.text == "" {
		return noContext
	}
	at := c.Locations[len(c.Locations)-1].Position.Offset
	return snippet(c.text, at)
}

const noContext = "<No context available>\n"

func snippet(text string, at int) string {
	at = max(0, min(at, len(text)-1))
	for at > 0 && text[at] == '\n' {
		at--
	}
	if text[at] == '\n' {
		return noContext
	}
	from, to := at, at // the last byte, too
	for from > 0 && text[from-1] != '\n' && at-from < snippetReach {
		from--
	}
	for to < len(text)-1 && text[to+1] != '\n' && to-at < snippetReach {
		to++
	}
	line := []byte(text[from : to+1])
	if at-from >= snippetReach {
		copy(line, "...")
	}
	if to-at >= snippetReach {
		copy(line[len(line)-3:], "...")
	}
	return string(line) + "\n" + strings.Repeat(" ", at-from) + "^\n"
}
