// SPDX-License-Identifier: Apache-2.0

package filter

// fieldSide reads val(field) or a transformer on a right side; nil when there
// is neither.
func (p *parser) fieldSide() (Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.blank()
	at := p.pos
	if !p.literal("val(") {
		return p.transform()
	}
	p.blank()
	f, err := p.field()
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, p.fail(wantField, "expected a field within 'val' transformer")
	}
	p.blank()
	if !p.literal(")") {
		return nil, p.fail(wantClose, "expected a ')' token closing the transformer")
	}
	arg, hasArg, err := p.argument()
	if err != nil {
		return nil, err
	}
	f.At, f.InVal = at, true
	f.ValArg, f.HasValArg = arg, hasArg
	return f, nil
}

// fieldOrTransform returns nil when neither is next.
func (p *parser) fieldOrTransform() (Node, error) {
	f, err := p.field()
	if err != nil {
		return nil, err
	}
	if f != nil {
		return f, nil
	}
	return p.transform()
}

// field returns nil when no field is next.
func (p *parser) field() (*Field, error) {
	at := p.pos
	name, ok := p.token(lenFieldName)
	if !ok {
		return nil, nil
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	arg, hasArg, err := p.argument()
	if err != nil {
		return nil, err
	}
	return &Field{At: at, Name: name, Arg: arg, HasArg: hasArg}, nil
}

// argument reads the text in square brackets, if there is one.
func (p *parser) argument() (arg string, ok bool, err error) {
	if !p.literal("[") {
		return "", false, nil
	}
	if arg, ok, err = p.quoted(); err != nil {
		return "", false, err
	}
	if !ok {
		arg, ok = p.token(lenArgText)
	}
	if !ok {
		return "", false, p.fail(wantArgument, "expected a valid field argument: a quoted string or a bare string")
	}
	if !p.literal("]") {
		return "", false, p.fail(wantArgument, "expected a ']' token")
	}
	return arg, true, nil
}

// transform returns nil when no transformer is next.
func (p *parser) transform() (Node, error) {
	t := &Transform{At: p.pos}
	for _, name := range transformers {
		if p.literal(name + "(") {
			t.Name = name
			break
		}
	}
	if t.Name == "" {
		return nil, nil
	}
	p.blank()
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var err error
	operand := func() (Node, error) { return p.operand(true) }
	if t.Args, err = p.elements("a ')' token closing the transformer", operand); err != nil {
		return nil, err
	}
	t.Arg, t.HasArg, err = p.argument()
	if err != nil {
		return nil, err
	}
	return t, nil
}

// operand reads one argument of a transformer, or one element of a list
// there.
func (p *parser) operand(list bool) (Node, error) {
	if list { // elements of lists are not counted
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
	}
	at := p.pos
	if num, ok := p.number(); ok {
		return &Value{At: at, Text: num}, nil
	}
	text, ok, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if ok {
		return &Value{At: at, Text: text, Quoted: true}, nil
	}
	if list && p.literal("(") {
		if p.emptyList() {
			return &List{At: at}, nil
		}
		elems, err := p.elements("')'", func() (Node, error) { return p.operand(false) })
		if err != nil {
			return nil, err
		}
		return &List{At: at, Elems: elems}, nil
	}
	n, err := p.fieldOrTransform()
	switch {
	case n != nil || err != nil:
	case list:
		err = p.fail(wantOperand, "expected field transformer argument: "+
			"field, transformer, quoted string, number, or transformer list")
	default:
		err = p.fail(wantOperand, "expected transformer list argument: field, transformer, quoted string, or number")
	}
	return n, err
}
