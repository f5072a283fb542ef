// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"slices"
	"strings"
)

// The operators by what may stand on their right, in the order in which they
// are tried: a prefix of another one comes after it.
var (
	numOps   = []string{"<=", "<", ">=", ">"}
	symOps   = []string{"==", "=", "!="}
	wordOps  = []string{"glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex"}
	listOps  = []string{"intersects", "in", "pmatch"}
	modOps   = []string{"oneof", "anyof", "allof"}
	keywords = []string{"and", "or", "not"}

	transformers = []string{"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"}
)

// Operators returns every operator in the order of the reference's list.
func Operators() []string {
	return slices.Concat([]string{"exists"}, symOps, numOps, wordOps, listOps)
}

// Transformers returns the names of the transformers.
func Transformers() []string { return slices.Clone(transformers) }

// DefaultMaxDepth limits the nesting of productions unless MaxDepth says
// otherwise. A pair of brackets costs five. What counts as one is as in the
// reference, so that both refuse the same texts.
const DefaultMaxDepth = 100

// Option changes how a text is parsed.
type Option func(*parser)

// MaxDepth limits the nesting of productions, so that a hostile text cannot
// exhaust the stack.
func MaxDepth(n int) Option { return func(p *parser) { p.maxDepth = n } }

// Parse reads a whole condition. Errors are of type *Error.
func Parse(text string, opts ...Option) (Node, error) {
	p := newParser(text, opts)
	n, err := p.or()
	if err == nil && !p.atEnd() {
		err = p.fail(wantJoin, "unexpected token after '%s', expecting 'or', 'and'", p.last)
	}
	if err != nil {
		return nil, withHint(text, err)
	}
	return n, nil
}

// ParsePrefix reads a condition and stops at the first thing that cannot
// continue it. length is how much of the text was read.
func ParsePrefix(text string, opts ...Option) (n Node, length int, err error) {
	p := newParser(text, opts)
	n, err = p.or()
	if err != nil {
		return nil, 0, err
	}
	return n, p.pos.Offset, nil
}

// ParseField reads the longest field or transformer at the start of text, as
// output formats need it: a *Field or *Transform and its length in bytes. A
// bracket that is no argument does not belong to the field.
func ParseField(text string) (n Node, length int, err error) {
	p := newParser(text, nil)
	n, err = p.fieldOrTransform()
	if err == nil && n != nil {
		return n, p.pos.Offset, nil
	}
	if l := lenFieldName(text); l > 0 {
		return &Field{At: Pos{Line: 1, Col: 1}, Name: text[:l]}, l, nil
	}
	if err == nil {
		err = p.fail(wantField, "expected a field or a transformer")
	}
	return nil, 0, err
}

type parser struct {
	lexer
	depth    int
	maxDepth int
}

func newParser(text string, opts []Option) *parser {
	p := &parser{lexer: newLexer(text), maxDepth: DefaultMaxDepth}
	for _, o := range opts {
		o(p)
	}
	return p
}

func (p *parser) fail(wanted expectation, format string, args ...any) error {
	return &Error{Pos: p.pos, Msg: fmt.Sprintf(format, args...), wanted: wanted}
}

// enter and leave frame each production.
func (p *parser) enter() error {
	p.depth++
	if p.depth >= p.maxDepth {
		return p.fail(wantLess, "exceeded max depth limit of %d", p.maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) or() (Node, error) {
	at, list, err := p.chain("or", p.and)
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return &Or{At: at, Operands: list}, nil
}

func (p *parser) and() (Node, error) {
	at, list, err := p.chain("and", p.not)
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return &And{At: at, Operands: list}, nil
}

func first(list []Node) Node {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// chain reads operands that a keyword joins.
func (p *parser) chain(keyword string, operand func() (Node, error)) (at Pos, list []Node, err error) {
	if err := p.enter(); err != nil {
		return at, nil, err
	}
	defer p.leave()
	p.blank()
	at = p.pos
	n, err := operand()
	for err == nil {
		list = append(list, n)
		p.blank()
		if !p.literal(keyword) {
			return at, list, nil
		}
		switch {
		case p.blank():
			n, err = operand()
		case p.literal("("):
			n, err = p.group()
		default:
			err = p.fail(wantBlank, "expected blank or '(' after '%s'", keyword)
		}
	}
	return at, nil, err
}

// not reads a check behind any number of "not", each of which toggles. One
// that neither a blank nor a bracket follows is the start of another word.
func (p *parser) not() (n Node, err error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	at, inverted := p.pos, false
	for n == nil && err == nil {
		switch {
		case p.spaceNot():
			inverted = !inverted
		case p.literal("not("):
			inverted = !inverted
			n, err = p.group()
		default:
			n, err = p.check()
		}
	}
	if err == nil && inverted {
		n = &Not{At: at, Operand: n}
	}
	return n, err
}

func (p *parser) check() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	if p.literal("(") {
		return p.group()
	}
	at := p.pos
	left, err := p.fieldOrTransform()
	if err != nil {
		return nil, err
	}
	if left != nil {
		return p.condition(at, left)
	}
	if name, ok := p.token(lenIdentifier); ok {
		return &Identifier{At: at, Name: name}, nil
	}
	return nil, p.fail(wantCheck, "expected a '(' token, a field check, or an identifier")
}

// group reads on behind an opening bracket.
func (p *parser) group() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	p.blank()
	if !p.literal(")") {
		return nil, p.fail(wantClose, "expected a ')' token")
	}
	return n, nil
}

// condition reads the operator and the right side of a check.
func (p *parser) condition(at Pos, left Node) (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	b := &Binary{At: at, Left: left, OpPos: p.pos}
	if p.literal("exists") {
		return &Unary{At: at, Left: left, Op: "exists", OpPos: b.OpPos}, nil
	}
	var err error
	if op, ok := p.oneOf(numOps); ok {
		b.Op = op
		b.Right, err = p.numberSide()
	} else if op, ok := p.stringOp(); ok {
		b.Op = op
		if b.Modifier = p.modifier(); b.Modifier != "" {
			b.Right, err = p.listSide(false)
		} else {
			b.Right, err = p.stringSide()
		}
	} else if op, ok := p.oneOf(listOps); ok {
		b.Op = op
		b.Right, err = p.listSide(true)
	} else {
		err = p.fail(wantOperator, "expected a valid check operator: one of %s", operatorText)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// operatorText and transformerText are lists in errors, in the reference's words
// and order, which tools match on.
const (
	operatorText = "'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', 'contains', 'icontains', " +
		"'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', 'pmatch'"
	transformerText = "'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'"
)

// stringOp reads an operator that takes a text. One that is a word needs a
// blank behind it.
func (p *parser) stringOp() (string, bool) {
	if op, ok := p.oneOf(symOps); ok {
		return op, true
	}
	start := p.lexer
	if op, ok := p.oneOf(wordOps); ok && p.blank() {
		return op, true
	}
	p.lexer = start
	return "", false
}

// modifier reads oneof, anyof or allof, but only where a list follows: the
// words are good values otherwise.
func (p *parser) modifier() string {
	if behind := p.text[:p.pos.Offset]; !p.blank() && !isBlank(behind[len(behind)-1]) {
		return ""
	}
	start := p.lexer
	if mod, ok := p.oneOf(modOps); ok && p.blank() {
		rest := p.rest()
		if lenIdentifier(rest) > 0 && !keywordNext(rest) || strings.HasPrefix(rest, "(") {
			return mod
		}
	}
	p.lexer = start
	return ""
}

// keywordNext reports whether s starts with a word that joins conditions. An
// underscore ends the word here: and_x is one.
func keywordNext(s string) bool {
	return slices.ContainsFunc(keywords, func(k string) bool {
		rest, ok := strings.CutPrefix(s, k)
		return ok && (rest == "" || !isLetter(rest[0]) && !isDigit(rest[0]))
	})
}

func (p *parser) numberSide() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	n, err := p.fieldSide()
	if n != nil || err != nil {
		return n, err
	}
	at := p.pos
	if num, ok := p.number(); ok {
		return &Value{At: at, Text: num}, nil
	}
	return nil, p.fail(wantNumber, "expected a number value or a field with a valid transformer: %s", transformerText)
}

func (p *parser) number() (string, bool) {
	if text, ok := p.token(lenHex); ok {
		return text, true
	}
	return p.token(lenNumber)
}

func (p *parser) stringSide() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	n, err := p.fieldSide()
	if n != nil || err != nil {
		return n, err
	}
	v, err := p.str()
	if v == nil && err == nil {
		err = p.fail(wantString, "expected a string value or a field with a valid transformer: %s", transformerText)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// str reads a quoted or bare value; nil when there is none.
func (p *parser) str() (*Value, error) {
	at := p.pos
	text, ok, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if ok {
		return &Value{At: at, Text: text, Quoted: true}, nil
	}
	if text, ok = p.token(lenBare); ok {
		return &Value{At: at, Text: text}, nil
	}
	return nil, nil
}

// listSide reads a list of values, the name of one or, if fields says so,
// something computed.
func (p *parser) listSide(fields bool) (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	at := p.pos
	if p.literal("(") {
		return p.list(at)
	}
	if fields {
		if n, err := p.fieldSide(); n != nil || err != nil {
			return n, err
		}
	}
	if name, ok := p.token(lenIdentifier); ok {
		return &List{At: at, Elems: []Node{&Value{At: at, Text: name}}, Placeholder: true}, nil
	}
	if !fields {
		return nil, p.fail(wantList, "expected a list or an identifier")
	}
	return nil, p.fail(wantList, "expected a list, an identifier, or a field with a valid transformer: %s", transformerText)
}

// list reads on behind the opening bracket of a list of values. A list whose
// only element has an escape that is none is taken as an empty one, as the
// reference does: rules with such a list load there.
func (p *parser) list(at Pos) (Node, error) {
	p.blank()
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.emptyList() {
		return &List{At: at}, nil
	}
	behindBad, begun := -1, false
	elems, err := p.elements("a ')' token", func() (Node, error) {
		v, err := p.str()
		switch {
		case err != nil:
			behindBad = p.pos.Offset
		case v == nil && !begun:
			err = p.fail(wantElement, "expected a ')' token")
		case v == nil:
			err = p.fail(wantElement, "expected a string value")
		}
		begun = true
		return v, err
	})
	if err != nil {
		first := len(elems) == 0
		if first && behindBad == p.pos.Offset && p.literal(")") {
			return &List{At: at}, nil
		}
		return nil, err
	}
	return &List{At: at, Elems: elems}, nil
}

func (p *parser) emptyList() bool {
	p.blank()
	return p.literal(")")
}

// elements reads one thing or more, separated by commas, and the closing
// bracket, which errors call closing. With an error it returns those before it.
func (p *parser) elements(closing string, element func() (Node, error)) ([]Node, error) {
	var elems []Node
	p.blank()
	for {
		n, err := element()
		if err != nil {
			return elems, err
		}
		elems = append(elems, n)
		p.blank()
		if !p.literal(",") {
			break
		}
		p.blank()
	}
	if !p.literal(")") {
		return elems, p.fail(wantClose, "expected %s", closing)
	}
	return elems, nil
}
