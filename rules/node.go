// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Limits against files that are made to exhaust memory or the stack. They are
// far above what rules files need.
const (
	MaxFileSize = 16 << 20 // bytes

	maxDepth   = 64      // of nested collections
	spareNodes = 1 << 16 // looked at beyond one for each byte of the file, as aliases multiply them
)

// source is a rules file with an index of its lines.
type source struct {
	name  string
	text  string
	lines []int // offsets of the lines
	ascii bool  // a character is a byte
	nodes int   // looked at so far

	// The last place that was asked for: the next one is mostly behind it, and
	// counting characters from the beginning of a long line each time would
	// take for ever.
	lastLine, lastCol, lastOff int
}

func newSource(f File) *source {
	s := &source{name: f.Name, text: string(f.Content), lines: []int{0}, ascii: true, lastLine: -1}
	for i := 0; i < len(s.text); i++ {
		if s.text[i] >= utf8.RuneSelf {
			s.ascii = false
		}
		if s.text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// position turns a line and a column in characters, both from 1, into ours.
func (s *source) position(line, col int) Position {
	line = max(0, min(line-1, len(s.lines)-1))
	off := s.lines[line]
	if s.ascii {
		off = min(off+max(0, col-1), len(s.text))
		return Position{Name: s.name, Line: line, Column: off - s.lines[line], Offset: off}
	}
	at := 1
	if line == s.lastLine && col >= s.lastCol {
		at, off = s.lastCol, s.lastOff
	}
	for ; at < col && off < len(s.text); at++ {
		_, n := utf8.DecodeRuneInString(s.text[off:])
		off += n
	}
	s.lastLine, s.lastCol, s.lastOff = line, at, off
	return Position{Name: s.name, Line: line, Column: off - s.lines[line], Offset: off}
}

// syntaxError is a text that is no YAML.
type syntaxError struct {
	at  Position
	msg string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("yaml-cpp: error at line %d, column %d: %s", e.at.Line+1, e.at.Column+1, e.msg)
}

// documents parses the whole file; nothing of it is used when any part of it
// is not YAML.
func (s *source) documents() (docs []node, err error) {
	if len(s.text) > MaxFileSize {
		return nil, &syntaxError{s.position(1, 1), fmt.Sprintf("the file is larger than %d MiB", MaxFileSize>>20)}
	}
	// Aliases are not expanded by the parser; the reader counts what it looks at.
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())
	loader, err := yaml.NewLoader(bytes.NewReader(withoutVersion(s.text)),
		yaml.WithUniqueKeys(false), yaml.WithPlugin(limits))
	if err != nil {
		return nil, &syntaxError{s.position(1, 1), err.Error()}
	}
	for {
		var doc yaml.Node
		if err := loader.Load(&doc); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, s.syntaxError(err)
		}
		n := node{src: s}
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
			n.y = doc.Content[0]
		}
		docs = append(docs, n)
	}
}

// withoutVersion makes a comment of a %YAML directive before the first
// document: the parser knows no version but 1.1, and nothing here depends on it.
func withoutVersion(text string) []byte {
	b := []byte(text)
	at := len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	for line := range strings.Lines(text[at:]) {
		switch {
		case strings.HasPrefix(line, "%YAML 1."):
			b[at] = '#'
		case line[0] != '%' && line[0] != '#' && strings.TrimSpace(line) != "":
			return b
		}
		at += len(line)
	}
	return b
}

func (s *source) syntaxError(err error) error {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return &syntaxError{s.position(1, 1), err.Error()}
	}
	msg := le.Message
	if le.ContextMsg != "" {
		msg = le.ContextMsg + ": " + msg
	}
	if le.Mark.Line == 0 { // the parser's reader counts no lines
		line, col := Unreadable([]byte(s.text))
		return &syntaxError{s.position(line, col), msg}
	}
	return &syntaxError{s.position(max(1, le.Mark.Line), max(1, le.Mark.Column)), msg}
}

// Unreadable returns the place (from 1) of the first character of a text that
// YAML does not allow: what is no UTF-8, and control characters. It is 1, 1 for
// a text without any.
func Unreadable(text []byte) (line, col int) {
	line, col = 1, 1
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		switch {
		case c == '\n':
			line, col = line+1, 0
		case c == utf8.RuneError && n == 1, c < ' ' && c != '\t' && c != '\r', c == 0xfffe, c == 0xffff:
			return line, col
		}
		i += n
		col++
	}
	return 1, 1
}

// node is a YAML node of a file; the zero value stands for one that is not
// there.
type node struct {
	y   *yaml.Node
	src *source
}

func (n node) defined() bool { return n.y != nil }

// target follows aliases.
func (n node) target() *yaml.Node {
	y := n.y
	for i := 0; y != nil && y.Kind == yaml.AliasNode && i < maxDepth; i++ {
		y = y.Alias
	}
	return y
}

func (n node) kind() yaml.Kind {
	if y := n.target(); y != nil {
		return y.Kind
	}
	return 0
}

func (n node) isMap() bool      { return n.kind() == yaml.MappingNode }
func (n node) isSequence() bool { return n.kind() == yaml.SequenceNode }
func (n node) isScalar() bool   { return n.kind() == yaml.ScalarNode && !n.isNull() }

// isNull is true for what stands for no value: nothing, ~ or a plain null.
func (n node) isNull() bool {
	y := n.target()
	if y == nil || y.Kind != yaml.ScalarNode {
		return false
	}
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 ||
		y.Style&yaml.TaggedStyle != 0 {
		return false
	}
	switch y.Value {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

func (n node) scalar() string {
	if y := n.target(); y != nil && y.Kind == yaml.ScalarNode {
		return y.Value
	}
	return ""
}

// key returns the text of a key of a mapping.
func (n node) key() string {
	if n.isNull() {
		return "null"
	}
	return n.scalar()
}

// get returns the value of a key of a mapping; of repeated keys the first.
func (n node) get(key string) node {
	y := n.target()
	if y == nil || y.Kind != yaml.MappingNode {
		return node{}
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		if k := (node{y.Content[i], n.src}); k.isScalar() && k.scalar() == key {
			return node{y.Content[i+1], n.src}
		}
	}
	return node{}
}

// pairs calls f for each key and value of a mapping.
func (n node) pairs(f func(key, value node)) {
	y := n.target()
	if y == nil || y.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		f(node{y.Content[i], n.src}, node{y.Content[i+1], n.src})
	}
}

// items returns the members of a sequence.
func (n node) items() []node {
	y := n.target()
	if y == nil || y.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]node, len(y.Content))
	for i, c := range y.Content {
		out[i] = node{c, n.src}
	}
	return out
}

func (n node) position() Position {
	y := n.target()
	if y == nil {
		if n.src == nil {
			return Position{}
		}
		return Position{Name: n.src.name}
	}
	return n.src.position(y.Line, y.Column)
}

// parseBool accepts the words of YAML 1.1 in lower case, capitalised or upper
// case.
func parseBool(s string) (value, ok bool) {
	low := strings.ToLower(s)
	if s != low && s != strings.ToUpper(s) && s != low[:1] && s != strings.ToUpper(low[:1])+low[1:] {
		return false, false
	}
	switch low {
	case "y", "yes", "true", "on":
		return true, true
	case "n", "no", "false", "off":
		return false, true
	}
	return false, false
}

// parseUint32 accepts decimal, hexadecimal (0x) and octal (0) numbers.
func parseUint32(s string) (uint32, bool) {
	base, digits := 10, strings.TrimPrefix(strings.TrimRight(s, " \t\n\r"), "+")
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		base, digits = 16, digits[2:]
	case len(digits) > 1 && digits[0] == '0':
		base, digits = 8, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 32)
	return uint32(v), err == nil
}
