// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"fmt"
	"strconv"
	"strings"
)

// UnknownFieldError says that a condition or output names a field that does
// not exist.
type UnknownFieldError struct {
	Text string // the field as written, argument included
	Name string // its bare name
}

func (e *UnknownFieldError) Error() string {
	return "filter_check called with nonexistent field " + e.Text
}

// ArgumentError says that a field exists but not with this argument.
type ArgumentError struct {
	Field *Field
	Text  string // the field as written
	Msg   string
	Meant string // the field as it was probably meant, "" when nothing comes to mind
}

func (e *ArgumentError) Error() string { return e.Msg }

// Resolve finds the field that a condition or output names and checks its
// argument. name is the dotted name as written; arg is the text between its
// brackets, without quotes, when hasArg is set. The argument of some fields may
// also follow after a dot (evt.arg.flags); Resolve finds that out itself.
//
// The error is an *UnknownFieldError or an *ArgumentError.
func Resolve(cat Catalog, name, arg string, hasArg bool) (Ref, error) {
	text := name
	if hasArg {
		text = name + "[" + arg + "]"
	}
	f := cat.Lookup(name)
	if f == nil && !hasArg {
		f, arg, hasArg = lookupDotted(cat, name)
	}
	// A bracket behind a field that takes no argument makes another, unknown
	// field of it.
	if f == nil || (hasArg && f.Arg == ArgNone) {
		return Ref{}, &UnknownFieldError{Text: text, Name: name}
	}
	ref := Ref{Field: f, Text: text, Type: f.Type, Format: f.Format, List: f.List}
	if err := parseArg(&ref, arg, hasArg); err != nil {
		return Ref{}, err
	}
	if f.resolve != nil {
		if err := f.resolve(&ref); err != nil {
			return Ref{}, err
		}
	}
	return ref, nil
}

// lookupDotted splits name at a dot so that the longest field with a dotted
// argument stands before it.
func lookupDotted(cat Catalog, name string) (f *Field, arg string, ok bool) {
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if f = cat.Lookup(name[:i]); f != nil {
			if !f.ArgDot {
				return nil, "", false
			}
			return f, name[i+1:], true
		}
	}
	return nil, "", false
}

func parseArg(ref *Ref, arg string, hasArg bool) error {
	f := ref.Field
	fail := func(format string, a ...any) error {
		return &ArgumentError{Field: f, Text: ref.Text, Msg: fmt.Sprintf(format, a...)}
	}
	if !hasArg {
		if f.Arg == ArgRequired {
			return fail("field %s requires an argument", f.Name)
		}
		return nil
	}
	if arg == "" {
		return fail("field %s has an empty argument", f.Name)
	}
	ref.Arg = Arg{Text: arg, Set: true}
	if f.ArgIndex {
		// The wire and the tables count in 32 bits; more is a typing error.
		n, err := strconv.ParseInt(arg, 10, 32)
		switch {
		case err == nil:
			ref.Arg.Num, ref.Arg.IsNum = n, true
		case !f.ArgKey && !f.Within:
			return fail("%s is not a valid number", arg)
		}
	}
	return nil
}

// ResolvePrefix is Resolve for the start of text, as outputs need it: it takes
// as much of text as names a field (with its argument, if it takes one) and
// returns how many bytes that is. What follows is literal text: in
// "%proc.name[1]" only proc.name is a field.
func ResolvePrefix(cat Catalog, text string) (ref Ref, n int, err error) {
	name := text[:nameLen(text)]
	arg, argLen := bracketArg(text[len(name):])
	var refused error // the longest field that there is, with what is wrong about its argument
	for end := len(name); end > 0; end-- {
		if argLen > 0 && end == len(name) {
			ref, err = Resolve(cat, name, arg, true)
			if err == nil {
				return ref, end + argLen, nil
			}
			// As in the reference, an argument that does not fit is literal
			// text behind the field, if the field stands without one, too.
			if _, unknown := err.(*UnknownFieldError); !unknown {
				refused = err
			}
		}
		ref, err = Resolve(cat, name[:end], "", false)
		if err == nil {
			return ref, end, nil
		}
		if ae, ok := err.(*ArgumentError); ok {
			if refused == nil {
				refused = err
			}
			if ae.Text == ae.Field.Name {
				break
			}
		}
	}
	if refused != nil {
		return Ref{}, 0, refused
	}
	return Ref{}, 0, &UnknownFieldError{Text: name, Name: name}
}

// nameLen returns the length of the dotted name at the start of text.
func nameLen(text string) int {
	n := 0
	for n < len(text) {
		c := text[n]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.':
			n++
		default:
			return len(strings.TrimRight(text[:n], "."))
		}
	}
	return len(strings.TrimRight(text[:n], "."))
}

// bracketArg reads "[...]" at the start of text: the argument without quotes
// and the bytes that it takes, 0 when there is none.
func bracketArg(text string) (arg string, n int) {
	if len(text) < 3 || text[0] != '[' {
		return "", 0
	}
	if q := text[1]; q == '"' || q == '\'' {
		i := strings.IndexByte(text[2:], q)
		if i < 0 || len(text) < i+4 || text[i+3] != ']' {
			return "", 0
		}
		return text[2 : 2+i], i + 4
	}
	i := strings.IndexAny(text[1:], "[]\"' \t\r\n")
	if i <= 0 || text[1+i] != ']' {
		return "", 0
	}
	return text[1 : 1+i], i + 2
}
