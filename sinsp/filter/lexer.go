// SPDX-License-Identifier: Apache-2.0

package filter

import "strings"

// lexer reads tokens from a text. Which token is tried where is the parser's
// choice: the language has no token kinds that hold everywhere (a word is a
// macro, an operator, a value or a list name by its place).
type lexer struct {
	text string
	pos  Pos
	last string // the last token read, for messages
}

func newLexer(text string) lexer {
	return lexer{text: text, pos: Pos{Line: 1, Col: 1}}
}

// rest is the text that was not read yet.
func (l *lexer) rest() string { return l.text[l.pos.Offset:] }

func (l *lexer) atEnd() bool { return l.pos.Offset == len(l.text) }

// advance moves n bytes on and keeps line and column current. As in the
// reference a carriage return ends a line too, so that CR LF counts as two.
func (l *lexer) advance(n int) {
	read := l.text[l.pos.Offset : l.pos.Offset+n]
	l.pos.Offset += n
	if i := strings.LastIndexAny(read, "\n\r"); i >= 0 {
		l.pos.Line += strings.Count(read, "\n") + strings.Count(read, "\r")
		l.pos.Col = len(read) - i
		return
	}
	l.pos.Col += n
}

// take reads n bytes as a token.
func (l *lexer) take(n int) string {
	l.last = l.rest()[:n]
	l.advance(n)
	return l.last
}

// blank skips blanks and reports whether there were any.
func (l *lexer) blank() bool {
	rest, n := l.rest(), 0
	for n < len(rest) && isBlank(rest[n]) {
		n++
	}
	l.advance(n)
	return n > 0
}

// spaceNot reads a "not" and the white space behind it, which is another set
// than that of blanks: it has VT and FF, but no backspace.
func (l *lexer) spaceNot() bool {
	rest, ok := strings.CutPrefix(l.rest(), "not")
	n := 0
	for n < len(rest) && isSpace(rest[n]) {
		n++
	}
	if !ok || n == 0 {
		return false
	}
	l.take(len("not") + n)
	return true
}

// literal reads tok if it is next. What follows it does not matter.
func (l *lexer) literal(tok string) bool {
	if !strings.HasPrefix(l.rest(), tok) {
		return false
	}
	l.take(len(tok))
	return true
}

// oneOf reads the first of toks that is next.
func (l *lexer) oneOf(toks []string) (string, bool) {
	for _, t := range toks {
		if l.literal(t) {
			return t, true
		}
	}
	return "", false
}

// token reads what length measures, if that is not nothing.
func (l *lexer) token(length func(string) int) (string, bool) {
	n := length(l.rest())
	if n == 0 {
		return "", false
	}
	return l.take(n), true
}

// quoted reads a quoted value. ok is false when there is none (an
// unterminated one is none); the error is about an escape inside of it.
func (l *lexer) quoted() (value string, ok bool, err error) {
	n := lenQuoted(l.rest())
	if n == 0 {
		return "", false, nil
	}
	raw := l.rest()[:n]
	l.advance(n)
	value, msg := unescape(raw)
	if msg != "" {
		return "", true, &Error{Pos: l.pos, Msg: msg, wanted: wantEscape}
	}
	l.last = value
	return value, true, nil
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\b'
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// lenRune measures the character at the start of s, 0 for what is no UTF-8.
// The patterns of the reference are as lax as this about overlong forms.
func lenRune(s string) int {
	n := 0
	switch c := s[0]; {
	case c < 0x80:
		return 1
	case c >= 0xc2 && c <= 0xdf:
		n = 2
	case c >= 0xe0 && c <= 0xef:
		n = 3
	case c >= 0xf0 && c <= 0xf4:
		n = 4
	}
	if len(s) < n {
		return 0
	}
	for i := 1; i < n; i++ {
		if s[i]&0xc0 != 0x80 {
			return 0
		}
	}
	return n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// The len functions return the length of the longest token of their kind at
// the start of s, 0 when there is none.

func lenIdentifier(s string) int {
	if s == "" || !isLetter(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || s[n] == '_') {
		n++
	}
	return n
}

func lenFieldName(s string) int {
	n := lenIdentifier(s)
	if n == 0 {
		return 0
	}
	parts := 1
	for n < len(s) && s[n] == '.' {
		m := lenIdentifier(s[n+1:])
		if m == 0 {
			break
		}
		n += 1 + m
		parts++
	}
	if parts < 2 {
		return 0
	}
	return n
}

func lenArgText(s string) int {
	return lenFree(s, `[]"'`)
}

func lenHex(s string) int {
	if len(s) < 3 || s[0] != '0' || s[1]|0x20 != 'x' {
		return 0
	}
	n := 2
	for n < len(s) && isHex(s[n]) {
		n++
	}
	if n == 2 {
		return 0
	}
	return n
}

func lenNumber(s string) int {
	n := 0
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	digits := lenDigits(s[n:])
	if digits == 0 {
		return 0
	}
	n += digits
	if n < len(s) && s[n] == '.' {
		n++
	}
	n += lenDigits(s[n:])
	// The exponent needs its sign.
	if len(s) > n+2 && s[n]|0x20 == 'e' && (s[n+1] == '+' || s[n+1] == '-') {
		if d := lenDigits(s[n+2:]); d > 0 {
			n += 2 + d
		}
	}
	return n
}

func lenDigits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func lenBare(s string) int {
	return lenFree(s, `()"'=,`)
}

// lenFree measures the characters up to white space, one of stop or what is
// no UTF-8.
func lenFree(s, stop string) int {
	n := 0
	for n < len(s) && !isSpace(s[n]) && strings.IndexByte(stop, s[n]) < 0 {
		l := lenRune(s[n:])
		if l == 0 {
			break
		}
		n += l
	}
	return n
}

// lenQuoted measures a quoted value with its quotes: it ends at the next
// equal quote that does not follow a backslash, even an escaped one, and
// cannot hold a NUL byte (only its escape).
func lenQuoted(s string) int {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return 0
	}
	for i := 1; i < len(s) && s[i] != 0; i++ {
		if s[i] == s[0] && s[i-1] != '\\' {
			return i + 1
		}
	}
	return 0
}
