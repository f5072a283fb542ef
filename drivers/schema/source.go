// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Source says where the kernel side finds the value of a parameter. The
// language is explained in README.md.
type Source struct {
	Kind SourceKind
	Arg  Operand   // SourceArg, SourceConv, SourceString
	Name string    // conversion of SourceConv, function of SourcePut, text of SourceText
	Args []Operand // SourcePut
	// Value of SourceConst; not larger than the parameter's width.
	Value int64
}

// Operand is what a source works on: an argument of the call, its return
// value, or (in brackets) a plain number.
type Operand struct {
	Kind OperandKind
	N    int
}

// OperandKind tells the forms of an operand apart.
type OperandKind uint8

// Forms of an operand.
const (
	OperandArg     OperandKind = iota // N: argument, 0 to 5
	OperandRet                        // ret
	OperandLiteral                    // [N]
)

// SourceKind tells the forms of a source apart.
type SourceKind uint8

// Forms of a source.
const (
	SourceNone   SourceKind = iota
	SourceRet               // ret
	SourceArg               // arg N
	SourceConv              // arg N as CONVERSION
	SourceString            // arg N as path, arg N as str
	SourceConst             // const V
	SourcePut               // put NAME [OPERAND...]
	SourceText              // free text, for parameters of fillers written by hand
)

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// parseSource parses the text of a `from:`.
func parseSource(text string) (Source, error) {
	w := strings.Fields(text)
	if len(w) == 0 {
		return Source{}, fmt.Errorf("empty source")
	}
	switch {
	case w[0] == "ret" && len(w) == 1:
		return Source{Kind: SourceRet}, nil
	case w[0] == "arg" && len(w) == 2:
		op, err := parseArgument(w[1])
		return Source{Kind: SourceArg, Arg: op}, err
	case w[0] == "arg" && len(w) == 4 && w[2] == "as":
		return parseConversion(w[1], w[3])
	case w[0] == "const" && len(w) == 2:
		v, err := strconv.ParseInt(w[1], 0, 64)
		if err != nil {
			return Source{}, fmt.Errorf("const: %q is not a number", w[1])
		}
		return Source{Kind: SourceConst, Value: v}, nil
	case w[0] == "put" && len(w) >= 2:
		return parsePut(w[1], w[2:])
	}
	return Source{}, fmt.Errorf("source %q is none of: ret, arg N, arg N as NAME, const V, put NAME [N...]", text)
}

func parseOperand(w string) (Operand, error) {
	if w == "ret" {
		return Operand{Kind: OperandRet}, nil
	}
	if lit, ok := strings.CutPrefix(w, "["); ok {
		n, err := strconv.Atoi(strings.TrimSuffix(lit, "]"))
		if err != nil || !strings.HasSuffix(w, "]") || n < 0 {
			return Operand{}, fmt.Errorf("operand %q is not a number in brackets", w)
		}
		return Operand{OperandLiteral, n}, nil
	}
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 || n > 5 {
		return Operand{}, fmt.Errorf("argument %q is not a number from 0 to 5", w)
	}
	return Operand{OperandArg, n}, nil
}

// parseArgument parses an operand that must be an argument.
func parseArgument(w string) (Operand, error) {
	op, err := parseOperand(w)
	if err == nil && op.Kind != OperandArg {
		err = fmt.Errorf("%q is no argument of the call", w)
	}
	return op, err
}

func parseConversion(arg, name string) (Source, error) {
	op, err := parseArgument(arg)
	if err != nil {
		return Source{}, err
	}
	if name == "path" || name == "str" {
		return Source{Kind: SourceString, Arg: op}, nil
	}
	if !identifier.MatchString(name) {
		return Source{}, fmt.Errorf("conversion %q is not a name", name)
	}
	return Source{Kind: SourceConv, Arg: op, Name: name}, nil
}

func parsePut(name string, operands []string) (Source, error) {
	if !identifier.MatchString(name) {
		return Source{}, fmt.Errorf("put: %q is not a name", name)
	}
	s := Source{Kind: SourcePut, Name: name}
	for _, w := range operands {
		op, err := parseOperand(w)
		if err != nil {
			return Source{}, fmt.Errorf("put %s: %w", name, err)
		}
		s.Args = append(s.Args, op)
	}
	return s, nil
}

// fits says why a source cannot feed a parameter of type t.
func (s Source) fits(t *Type) error {
	switch s.Kind {
	case SourceRet, SourceArg, SourceConv:
		if t.Width == 0 || t.Width > 8 {
			return fmt.Errorf("a number cannot become a parameter of type %s", t.Name)
		}
	case SourceString:
		switch t.Name {
		case "charbuf", "fspath", "fsrelpath":
		default:
			return fmt.Errorf("a string cannot become a parameter of type %s", t.Name)
		}
	case SourceConst:
		if t.Width == 0 || t.Width > 8 {
			return fmt.Errorf("a constant cannot become a parameter of type %s", t.Name)
		}
		if bits := uint(8 * t.Width); bits < 64 && (s.Value >= 1<<bits || s.Value < -(1<<(bits-1))) {
			return fmt.Errorf("%d does not fit type %s", s.Value, t.Name)
		}
	}
	return nil
}
