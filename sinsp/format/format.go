// SPDX-License-Identifier: Apache-2.0

// Package format makes texts and JSON of events. An output format is literal
// text with fields in it:
//
//	user=%user.name file=%fd.name parent=%proc.aname[2] short=%10proc.name
//
// A field may have its argument, and transformers around it:
// %toupper(proc.env[HOME]). Digits behind the percent sign fix the width. A
// format that begins with * prints <NA> for what an event does not have; any
// other one prints nothing at all then. There is no way to write a literal
// percent sign.
//
// A question mark (%?fd.name) makes a field optional: without a value it leaves
// out the whole word that it ends, file=%?fd.name for one, whatever the format
// begins with.
package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
	"github.com/tiercel/tiercel/sinsp/state"
)

// missing is what a field without a value prints.
const missing = "<NA>"

// Error says what is wrong with a format.
type Error struct {
	Offset int    // of the faulty field in the format, in bytes
	Msg    string // as users of the rules language know it
	Field  string // the name that no field has, or ""
	Hint   string // the field that was probably meant, or ""
	Err    error  // why a field or transformer was refused, or nil
}

func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause, for errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Option changes how a format renders.
type Option func(*Format)

// Base64Buffers shows buffers of bytes in base64, instead of their printable
// characters.
func Base64Buffers(f *Format) { f.base64 = true }

// Format is a compiled output format. One goroutine owns it: rendering uses
// scratch memory of the Format.
type Format struct {
	text        string
	parts       []part
	names       []string
	keepMissing bool
	base64      bool
	v           fields.Value // of fields
	computed    fields.Value // of transformers, which keep memory of their own
	late        lateEvent
}

// part is literal text, a field, or a transformer with the fields inside it.
type part struct {
	literal string
	ref     *fields.Ref
	expr    *program.Expr
	inner   []*fields.Ref // of a transformer
	freeze  *freezer      // of a transformer that mixes fields of event and container
	width   int           // 0 = as long as it is
	// An optional part prints its word, and nothing at all without a value.
	optional bool
	word     string // the text since the last blank, and that blank
	behind   string // the blank behind the value, if the word had none before it
}

// Compile compiles a format. The error is an *Error.
func Compile(cat fields.Catalog, text string, opts ...Option) (*Format, error) {
	if text == "" {
		return nil, &Error{Msg: "empty formatting token"}
	}
	f := &Format{text: text}
	body := text
	if body[0] == '*' {
		f.keepMissing = true
		body = body[1:]
	}
	return f.compile(cat, body, opts)
}

// CompileOutput compiles the output of a rule, which always prints, whether it
// begins with * or not, and may be empty.
func CompileOutput(cat fields.Catalog, text string, opts ...Option) (*Format, error) {
	f := &Format{text: text, keepMissing: true}
	return f.compile(cat, strings.TrimPrefix(text, "*"), opts)
}

func (f *Format) compile(cat fields.Catalog, body string, opts []Option) (*Format, error) {
	for _, o := range opts {
		o(f)
	}
	base := len(f.text) - len(body)
	for pos := 0; pos < len(body); {
		i := strings.IndexByte(body[pos:], '%')
		if i != 0 {
			if i < 0 {
				i = len(body) - pos
			}
			f.parts = append(f.parts, part{literal: body[pos : pos+i]})
			pos += i
			continue
		}
		p, n, err := compilePart(cat, body[pos:])
		if err != nil {
			err.Offset = base + pos
			return nil, err
		}
		next := pos + n
		if p.optional {
			p.word = f.takeWord()
			if p.word != "" && p.word[0] != ' ' && strings.HasPrefix(body[next:], " ") {
				p.behind = " "
			}
		}
		f.add(p, body[pos:pos+n])
		pos = next + len(p.behind)
	}
	return f, nil
}

// takeWord takes the text behind the last blank or bracket, and that blank, off
// the literal text at the end of the format.
func (f *Format) takeWord() string {
	if len(f.parts) == 0 || f.parts[len(f.parts)-1].isValue() {
		return ""
	}
	last := &f.parts[len(f.parts)-1]
	at := strings.LastIndexAny(last.literal, " ([{") + 1
	if at > 0 && last.literal[at-1] == ' ' {
		at--
	}
	word := last.literal[at:]
	last.literal = last.literal[:at]
	return word
}

// isValue reports whether the part is more than literal text.
func (p *part) isValue() bool { return p.ref != nil || p.expr != nil }

func (f *Format) add(p part, text string) {
	for _, r := range p.inner {
		f.names = append(f.names, r.Text)
	}
	switch {
	case p.ref != nil:
		f.names = append(f.names, p.ref.Text)
	default:
		f.names = append(f.names, p.literal)
		p.literal = ""
	}
	f.parts = append(f.parts, p)
}

// compilePart compiles the field or transformer at the start of text, which is
// a percent sign, and returns its length. A transformer's canonical text comes
// back as the part's literal.
func compilePart(cat fields.Catalog, text string) (p part, n int, err *Error) {
	n = 1
	if p.optional = len(text) > 2 && text[1] == '?' && text[2] >= 'a' && text[2] <= 'z'; p.optional {
		n = 2
	}
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		// A width beyond what a line can hold is a slip.
		if p.width = p.width*10 + int(text[n]-'0'); p.width > maxWidth {
			return p, 0, &Error{Msg: fmt.Sprintf("invalid formatting syntax: width above %d", maxWidth)}
		}
		n++
	}
	if n == len(text) {
		what := "%"
		if n > 1 {
			what = "number"
		}
		return p, 0, &Error{Msg: "invalid formatting syntax: formatting cannot end with a " + what}
	}
	rest := text[n:]
	node, length, perr := filter.ParseField(rest)
	if t, ok := node.(*filter.Transform); ok && perr == nil {
		optional := p.optional
		if bare, l := withoutArgument(t, rest[:length]); bare != nil {
			t, length = bare, l
		}
		p, err = compileTransform(cat, t, p.width)
		p.optional = optional
		return p, n + length, err
	}
	ref, length, rerr := fields.ResolvePrefix(cat, rest)
	if rerr != nil {
		return p, 0, unknownField(cat, rest, rerr)
	}
	p.ref = &ref
	return p, n + length, nil
}

// withoutArgument returns a transformer without the argument behind it where it
// takes none: then the brackets are literal text, as in the reference.
func withoutArgument(t *filter.Transform, text string) (bare *filter.Transform, length int) {
	if !t.HasArg || t.Name == "getopt" {
		return nil, 0
	}
	for at := strings.LastIndexByte(text, '['); at > 0; at = strings.LastIndexByte(text[:at], '[') {
		node, n, err := filter.ParseField(text[:at])
		if b, ok := node.(*filter.Transform); ok && err == nil && n == at {
			return b, n
		}
	}
	return nil, 0
}

// maxWidth bounds the memory that a format can ask for.
const maxWidth = 65536

func compileTransform(cat fields.Catalog, t *filter.Transform, width int) (part, *Error) {
	p := part{literal: filter.Canonical(t), width: width}
	expr, err := program.CompileExpr(cat, t)
	if err != nil {
		return p, &Error{Msg: refusal, Err: transformReason(err)}
	}
	p.expr = expr
	var failed error
	filter.Inspect(t, func(n filter.Node) bool {
		if fd, ok := n.(*filter.Field); ok && failed == nil {
			var ref fields.Ref
			if ref, failed = fields.Resolve(cat, fd.Name, fd.Arg, fd.HasArg); failed == nil {
				p.inner = append(p.inner, &ref)
			}
		}
		return true
	})
	if failed != nil {
		return p, &Error{Msg: refusal, Err: failed}
	}
	if p.freeze = newFreezer(cat, p.inner); p.freeze != nil {
		if p.expr, err = program.CompileExpr(p.freeze, t); err != nil {
			return p, &Error{Msg: refusal, Err: transformReason(err)}
		}
	}
	return p, nil
}

// refusal is all that the reference says of any field or transformer that it
// does not take. Err of the error has the reason.
const refusal = "unknown filter: unexpected token after '"

// reason says in plain words why a part of a format was refused.
type reason struct {
	text  string
	cause error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.cause }

func transformReason(err error) error {
	var pe *program.Error
	if !errors.As(err, &pe) {
		return err
	}
	text := pe.Msg
	var unknown *fields.UnknownFieldError
	if errors.As(err, &unknown) {
		text = "there is no field " + unknown.Text
	}
	if pe.Hint != "" {
		text += ": " + pe.Hint
	}
	return &reason{text, err}
}

// unknownField words the refusal of a field as the reference does, which says
// little; Field, Hint and Err say what a user needs.
func unknownField(cat fields.Catalog, text string, err error) *Error {
	e := &Error{Msg: refusal, Err: err}
	switch cause := err.(type) {
	case *fields.ArgumentError:
		e.Field, e.Hint = cause.Text, cause.Meant
	case *fields.UnknownFieldError:
		e.Field = cause.Name
		if e.Field == "" {
			e.Field = firstWord(text)
			e.Err = &reason{"a percent sign begins a field; there is no way to print one", err}
			return e
		}
		e.Err = &reason{"there is no field " + cause.Name, err}
		if strings.HasPrefix(text, cause.Name+"(") {
			e.Err = &reason{callReason(cause.Name), err}
			return e
		}
		if s, ok := cat.(interface{ Suggest(string) string }); ok {
			e.Hint = s.Suggest(cause.Name)
		}
	}
	return e
}

// callReason is about a name with a bracket behind it that is no transformer
// as it stands.
func callReason(name string) string {
	switch {
	case name == "val":
		return "val() is for conditions: write the field alone"
	case slices.Contains(filter.Transformers(), name):
		return name + "() is not complete: fields, numbers or quoted text go between its brackets"
	}
	return "there is no transformer " + name + ": there are " + strings.Join(filter.Transformers(), ", ")
}

func firstWord(text string) string {
	if i := strings.IndexAny(text, " \t\r\n"); i > 0 {
		return text[:i]
	}
	return text
}

// Text returns the format as it was written.
func (f *Format) Text() string { return f.text }

// Names returns the fields in the order of their appearance, repeated ones
// repeated; of a transformer first the fields inside, then its own text.
func (f *Format) Names() []string { return f.names }

// AppendText appends the text for an event. ok is false when a field has no
// value and the format does not begin with *: then nothing is appended.
func (f *Format) AppendText(dst []byte, ev *state.Event) (out []byte, ok bool) {
	from := len(dst)
	for i := range f.parts {
		p := &f.parts[i]
		if !p.isValue() {
			dst = append(dst, p.literal...)
			continue
		}
		if dst, ok = f.appendPrinted(dst, p, ev); !ok && !f.keepMissing && !p.optional {
			return dst[:from], false
		}
	}
	return dst, true
}

// appendPrinted appends what a value prints, with its width; ok is false when
// there is none.
func (f *Format) appendPrinted(dst []byte, p *part, ev *state.Event) (out []byte, ok bool) {
	from := len(dst)
	dst = append(dst, p.word...)
	start := len(dst)
	dst, ok = f.appendPart(dst, p, ev)
	switch {
	// Some fields have the text for a value that they lack (user.loginname).
	case p.optional && (!ok || string(dst[start:]) == missing):
		return dst[:from], false
	case !ok:
		dst = append(dst, missing...)
	}
	if p.width > 0 {
		dst = fit(dst, start, p.width)
	}
	return append(dst, p.behind...), ok
}

func (f *Format) appendPart(dst []byte, p *part, ev *state.Event) ([]byte, bool) {
	if p.expr != nil {
		if !p.expr.Eval(ev, &f.computed) {
			return dst, false
		}
		return f.appendValue(dst, p.expr.Type(), p.expr.Format(), p.expr.List(), &f.computed), true
	}
	if !p.ref.Extract(ev, &f.v) {
		return dst, false
	}
	return f.appendValue(dst, p.ref.Type, p.ref.Format, p.ref.List, &f.v), true
}

func (f *Format) appendValue(dst []byte, t scap.ParamType, pf scap.ParamFormat, list bool, v *fields.Value) []byte {
	if f.base64 && t == scap.PTBytebuf && !list {
		return fields.AppendBase64(dst, v.S)
	}
	return fields.AppendText(dst, t, pf, list, v)
}

// fit pads dst[start:] with blanks to width bytes, or cuts it there, but never
// inside a character.
func fit(dst []byte, start, width int) []byte {
	if n := len(dst) - start; n > width {
		end := start + width
		for end > start && !utf8.RuneStart(dst[end]) && utf8.Valid(dst[start:]) {
			end--
		}
		dst = dst[:end]
	}
	for len(dst)-start < width {
		dst = append(dst, ' ')
	}
	return dst
}
