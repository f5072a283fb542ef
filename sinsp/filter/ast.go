// SPDX-License-Identifier: Apache-2.0

package filter

// Pos is a place in the text of a condition.
type Pos struct {
	Offset int // from 0, in bytes
	Line   int // from 1
	Col    int // from 1, in bytes
}

// Node is an expression of the syntax tree.
type Node interface {
	Pos() Pos
	String() string // canonical text
}

// And is true when every operand is. Operands are at least two.
type And struct {
	At       Pos
	Operands []Node
}

// Or is true when any operand is. Operands are at least two.
type Or struct {
	At       Pos
	Operands []Node
}

// Not inverts its operand.
type Not struct {
	At      Pos
	Operand Node
}

// Identifier is a bare name in the place of a check: a macro.
type Identifier struct {
	At   Pos
	Name string
}

// Unary is a check without a right side: exists.
type Unary struct {
	At    Pos
	Left  Node // *Field or *Transform
	Op    string
	OpPos Pos
}

// Binary compares a field (or a transformed one) with a right side.
type Binary struct {
	At       Pos
	Left     Node // *Field or *Transform
	Op       string
	Modifier string // "", oneof, anyof, allof
	OpPos    Pos
	Right    Node // *Value, *List, *Field (val(...)) or *Transform
}

// Field is a field name with an optional argument. InVal marks a field that
// was written as val(name) on a right side; an argument behind that bracket
// is accepted here and refused by who compiles the condition.
type Field struct {
	At     Pos
	Name   string
	Arg    string
	HasArg bool
	InVal  bool

	ValArg    string
	HasValArg bool
}

// Transform applies a transformer to its arguments.
type Transform struct {
	At     Pos
	Name   string
	Args   []Node // *Field, *Transform, *Value, *List
	Arg    string // the bracket argument
	HasArg bool
}

// Value is one literal on a right side or inside a transformer.
type Value struct {
	At     Pos
	Text   string // unescaped
	Quoted bool
}

// List is a parenthesised list of literals; Placeholder is set for a bare
// identifier in the place of a list (its name is then the only element).
type List struct {
	At          Pos
	Elems       []Node // *Value; inside transformers also *Field and *Transform
	Placeholder bool
}

// Pos implements Node.
func (n *And) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Or) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Not) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Identifier) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Unary) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Binary) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Field) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Transform) Pos() Pos { return n.At }

// Pos implements Node.
func (n *Value) Pos() Pos { return n.At }

// Pos implements Node.
func (n *List) Pos() Pos { return n.At }
