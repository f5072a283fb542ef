// SPDX-License-Identifier: Apache-2.0

package filter

// Inspect calls visit for n and, as long as visit returns true, for what is
// inside of it, in the order of the text.
func Inspect(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	switch n := n.(type) {
	case *And:
		inspectAll(n.Operands, visit)
	case *Or:
		inspectAll(n.Operands, visit)
	case *Not:
		Inspect(n.Operand, visit)
	case *Unary:
		Inspect(n.Left, visit)
	case *Binary:
		Inspect(n.Left, visit)
		Inspect(n.Right, visit)
	case *Transform:
		inspectAll(n.Args, visit)
	case *List:
		inspectAll(n.Elems, visit)
	}
}

func inspectAll(list []Node, visit func(Node) bool) {
	for _, n := range list {
		Inspect(n, visit)
	}
}

// Rewrite returns n with every node replaced by what change makes of it, the
// inner ones first. Trees are never changed in place: what stays the same is
// shared between the old and the new tree. An error ends the rewriting.
func Rewrite(n Node, change func(Node) (Node, error)) (Node, error) {
	var err error
	switch old := n.(type) {
	case *And:
		var ops []Node
		if ops, err = rewriteAll(old.Operands, change); err == nil && ops != nil {
			n = &And{At: old.At, Operands: ops}
		}
	case *Or:
		var ops []Node
		if ops, err = rewriteAll(old.Operands, change); err == nil && ops != nil {
			n = &Or{At: old.At, Operands: ops}
		}
	case *Not:
		var op Node
		if op, err = Rewrite(old.Operand, change); err == nil && op != old.Operand {
			n = &Not{At: old.At, Operand: op}
		}
	case *Unary:
		var left Node
		if left, err = Rewrite(old.Left, change); err == nil && left != old.Left {
			c := *old
			c.Left = left
			n = &c
		}
	case *Binary:
		n, err = rewriteBinary(old, change)
	case *Transform:
		var args []Node
		if args, err = rewriteAll(old.Args, change); err == nil && args != nil {
			c := *old
			c.Args = args
			n = &c
		}
	case *List:
		var elems []Node
		if elems, err = rewriteAll(old.Elems, change); err == nil && elems != nil {
			c := *old
			c.Elems = elems
			n = &c
		}
	}
	if err != nil {
		return nil, err
	}
	return change(n)
}

func rewriteBinary(old *Binary, change func(Node) (Node, error)) (Node, error) {
	left, err := Rewrite(old.Left, change)
	if err != nil {
		return nil, err
	}
	right, err := Rewrite(old.Right, change)
	if err != nil {
		return nil, err
	}
	if left == old.Left && right == old.Right {
		return old, nil
	}
	c := *old
	c.Left, c.Right = left, right
	return &c, nil
}

// rewriteAll returns nil when nothing changed.
func rewriteAll(list []Node, change func(Node) (Node, error)) ([]Node, error) {
	var out []Node
	for i, n := range list {
		m, err := Rewrite(n, change)
		if err != nil {
			return nil, err
		}
		if m != n && out == nil {
			out = append(make([]Node, 0, len(list)), list[:i]...)
		}
		if out != nil {
			out = append(out, m)
		}
	}
	return out, nil
}
