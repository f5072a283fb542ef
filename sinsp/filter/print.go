// SPDX-License-Identifier: Apache-2.0

package filter

import "strings"

// Canonical returns the reference's text of a tree, to the letter. It does
// not always parse back: values such as "" and "(x)", arguments with brackets
// and literals inside transformers lose their quotes. Use String where the
// text is read again.
func Canonical(n Node) string { return render(n, false) }

// String implements Node: the canonical text, with quotes wherever the text
// would not parse back to the same tree.
func (n *And) String() string { return render(n, true) }

// String implements Node.
func (n *Or) String() string { return render(n, true) }

// String implements Node.
func (n *Not) String() string { return render(n, true) }

// String implements Node.
func (n *Identifier) String() string { return render(n, true) }

// String implements Node.
func (n *Unary) String() string { return render(n, true) }

// String implements Node.
func (n *Binary) String() string { return render(n, true) }

// String implements Node.
func (n *Field) String() string { return render(n, true) }

// String implements Node.
func (n *Transform) String() string { return render(n, true) }

// String implements Node.
func (n *Value) String() string { return render(n, true) }

// String implements Node.
func (n *List) String() string { return render(n, true) }

type printer struct {
	strings.Builder
	safe bool
}

func render(n Node, safe bool) string {
	p := printer{safe: safe}
	p.node(n)
	return p.Builder.String()
}

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case *And:
		p.chain(n.Operands, " and ")
	case *Or:
		p.chain(n.Operands, " or ")
	case *Not:
		p.WriteString("not ")
		p.inverted(n.Operand)
	case *Identifier:
		p.WriteString(n.Name)
	case *Unary:
		p.node(n.Left)
		p.WriteString(" " + n.Op)
	case *Binary:
		p.node(n.Left)
		p.WriteString(" " + n.Op + " ")
		if n.Modifier != "" {
			p.WriteString(n.Modifier + " ")
		}
		p.node(n.Right)
	case *Field:
		if n.InVal {
			p.WriteString("val(")
		}
		p.WriteString(n.Name)
		p.argument(n.Arg, n.HasArg)
		if n.InVal {
			p.WriteByte(')')
			p.argument(n.ValArg, n.HasValArg)
		}
	case *Transform:
		p.WriteString(n.Name + "(")
		p.operands(n.Args)
		p.WriteByte(')')
		p.argument(n.Arg, n.HasArg)
	case *Value:
		p.value(n.Text, lenBare)
	case *List:
		if n.Placeholder {
			p.WriteString(n.Elems[0].(*Value).Text)
			return
		}
		p.WriteByte('(')
		for i, e := range n.Elems {
			if i > 0 {
				p.WriteString(", ")
			}
			p.node(e)
		}
		p.WriteByte(')')
	}
}

func (p *printer) chain(operands []Node, sep string) {
	p.WriteByte('(')
	for i, n := range operands {
		if i > 0 {
			p.WriteString(sep)
		}
		p.node(n)
	}
	p.WriteByte(')')
}

// inverted prints what a "not" inverts. Two of them in a row would cancel
// each other when they are read again.
func (p *printer) inverted(n Node) {
	if _, twice := n.(*Not); twice && p.safe {
		p.WriteByte('(')
		p.node(n)
		p.WriteByte(')')
		return
	}
	p.node(n)
}

// operands prints the arguments of a transformer or the elements of a list in
// one, where a literal that is no number needs quotes.
func (p *printer) operands(args []Node) {
	for i, a := range args {
		if i > 0 {
			p.WriteByte(',')
		}
		switch a := a.(type) {
		case *Value:
			p.value(a.Text, lenNumeral)
		case *List:
			p.WriteByte('(')
			p.operands(a.Elems)
			p.WriteByte(')')
		default:
			p.node(a)
		}
	}
}

func (p *printer) argument(arg string, has bool) {
	if !has {
		return
	}
	p.WriteByte('[')
	if arg == "" {
		p.WriteString(`""`)
	} else {
		p.value(arg, lenArgText)
	}
	p.WriteByte(']')
}

// value prints a literal; bare measures how much of it may stand without
// quotes.
func (p *printer) value(s string, bare func(string) int) {
	quoted := wantsQuotes(s)
	if !p.safe {
		if quoted {
			s = quote(s)
		}
		p.WriteString(s)
		return
	}
	fits := s != "" && bare(s) == len(s)
	switch {
	case fits && (!quoted || strings.HasSuffix(s, `\`)):
		p.WriteString(s)
	default:
		p.WriteString(quoteSafe(s))
	}
}

func lenNumeral(s string) int {
	if n := lenHex(s); n > 0 {
		return n
	}
	return lenNumber(s)
}
