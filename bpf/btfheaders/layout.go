// SPDX-License-Identifier: Apache-2.0

package btfheaders

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// size returns how many bytes a type takes.
func (h *header) size(t btf.Type, depth int) (uint64, error) {
	if err := h.step(depth); err != nil {
		return 0, err
	}
	switch t := plain(t).(type) {
	case *btf.Int:
		return uint64(t.Size), nil
	case *btf.Float:
		return uint64(t.Size), nil
	case *btf.Enum:
		return uint64(t.Size), nil
	case *btf.Pointer:
		return 8, nil
	case *btf.Struct:
		return uint64(t.Size), nil
	case *btf.Union:
		return uint64(t.Size), nil
	case *btf.Array:
		n, err := h.size(t.Type, depth+1)
		high, low := bits.Mul64(n, uint64(t.Nelems))
		if err == nil && high != 0 {
			err = errors.New("an array that fits into no memory")
		}
		return low, err
	case nil:
		return 0, errTooMuch
	default:
		return 0, fmt.Errorf("%v has no size", t)
	}
}

// alignment returns what a type's address is a multiple of.
func (h *header) alignment(t btf.Type, depth int) (uint64, error) {
	if err := h.step(depth); err != nil {
		return 0, err
	}
	t = plain(t)
	switch t := t.(type) {
	case *btf.Array:
		return h.alignment(t.Type, depth+1)
	case *btf.Struct, *btf.Union:
	default:
		n, err := h.size(t, depth)
		if err != nil || n == 0 || bits.OnesCount64(n) != 1 {
			return 1, err
		}
		return min(n, 16), nil
	}
	if a := h.align[t]; a != 0 {
		return a, nil
	}
	members, size := body(t)
	most := uint64(1)
	for i := range members {
		m := &members[i]
		if m.BitfieldSize != 0 {
			continue
		}
		a, err := h.alignment(m.Type, depth+1)
		if err != nil {
			return 0, err
		}
		if uint64(m.Offset)%(8*a) == 0 {
			most = max(most, a)
		}
	}
	for size%most != 0 {
		most /= 2
	}
	h.align[t] = most
	return most, nil
}

// record returns the body of a structure or union, with its attributes.
func (h *header) record(t btf.Type, kind string, depth int) (string, error) {
	align, err := h.alignment(t, depth)
	if err != nil {
		return "", err
	}
	b := recordBody{header: h, scope: make(taken)}
	if err := b.members(t, kind == "union", depth); err != nil {
		return "", err
	}
	h.steps += b.text.Len() / bytesPerStep
	return fmt.Sprintf("{\n%s%s} __attribute__((packed, aligned(%d)))", b.text.String(), indent(depth), align), nil
}

func indent(depth int) string { return strings.Repeat("\t", depth) }

// recordBody is the body of a structure, with the nameless ones in it.
type recordBody struct {
	*header
	text  strings.Builder
	scope taken // names of members
}

var (
	errOverlap = errors.New("members overlap")
	errBounds  = errors.New("a member lies outside")
)

// members writes the members of a structure or union of the given type.
func (b *recordBody) members(t btf.Type, union bool, depth int) error {
	members, size := body(t)
	if size > 1<<29 {
		return errBounds // in bits it has to fit into what BTF counts with
	}
	var pos uint64 // in bits
	full := false
	for i := range members {
		m := &members[i]
		width, err := b.width(m, depth)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		at := uint64(m.Offset)
		switch {
		case at+width > 8*size:
			return fmt.Errorf("%s: %w", m.Name, errBounds)
		case union && at != 0:
			return fmt.Errorf("%s: not at the beginning of the union", m.Name)
		case union:
			full = full || width == 8*size
		case at < pos:
			return fmt.Errorf("%s: %w", m.Name, errOverlap)
		default:
			b.gap(pos, at, depth+1)
			pos = at + width
		}
		if err := b.member(m, depth+1); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	switch {
	case !union:
		b.gap(pos, 8*size, depth+1)
	case !full:
		b.gap(0, 8*size, depth+1)
	}
	return nil
}

// width returns how many bits a member takes.
func (b *recordBody) width(m *btf.Member, depth int) (uint64, error) {
	n, err := b.size(m.Type, depth)
	if err != nil {
		return 0, err
	}
	if m.BitfieldSize != 0 {
		if uint64(m.BitfieldSize) > 8*n || n > 8 {
			return 0, errors.New("a bit field larger than its type")
		}
		return uint64(m.BitfieldSize), nil
	}
	if m.Offset%8 != 0 {
		return 0, errors.New("no bit field, but not at a byte's beginning")
	}
	if n > 1<<29 {
		return 0, errBounds
	}
	return 8 * n, nil
}

// gap fills the bits between two places.
func (b *recordBody) gap(from, to uint64, depth int) {
	bitsOf := func(n uint64) {
		if n > 0 {
			fmt.Fprintf(&b.text, "%sunsigned char : %d;\n", indent(depth), n)
		}
	}
	first := min(to, (from+7)/8*8)
	bitsOf(first - from)
	if n := (to - first) / 8; n > 0 {
		fmt.Fprintf(&b.text, "%sunsigned char %s[%d];\n", indent(depth), unused(b.scope, "tcl_gap"), n)
	}
	bitsOf((to - first) % 8)
}

// member writes one member.
func (b *recordBody) member(m *btf.Member, depth int) error {
	if err := b.step(depth); err != nil {
		return err
	}
	t := m.Type
	if m.Name == "" {
		t = plain(t)
		kind := "struct"
		switch t.(type) {
		case *btf.Struct:
		case *btf.Union:
			kind = "union"
		default:
			return errors.New("a member without a name")
		}
		inner := recordBody{header: b.header, scope: b.scope}
		if err := inner.members(t, kind == "union", depth); err != nil {
			return err
		}
		align, err := b.alignment(t, depth)
		if err != nil {
			return err
		}
		b.steps += inner.text.Len() / bytesPerStep
		fmt.Fprintf(&b.text, "%s%s {\n%s%s} __attribute__((packed, aligned(%d)));\n", indent(depth), kind, inner.text.String(), indent(depth), align)
		return nil
	}
	text, err := b.decl(t, unused(b.scope, identifier(m.Name)), depth)
	if err != nil {
		return err
	}
	b.text.WriteString(indent(depth) + text)
	if m.BitfieldSize != 0 {
		switch plain(t).(type) {
		case *btf.Int, *btf.Enum:
		default:
			return errors.New("a bit field that is no integer")
		}
		fmt.Fprintf(&b.text, " : %d", m.BitfieldSize)
	}
	b.text.WriteString(";\n")
	return nil
}

// decl writes the declaration of something of type t: inner is its name with
// what stands around it already.
func (h *header) decl(t btf.Type, inner string, depth int) (string, error) {
	if err := h.step(depth); err != nil {
		return "", err
	}
	join := func(base string, err error) (string, error) { return strings.TrimRight(base+" "+inner, " "), err }
	switch t := unqualified(t).(type) {
	case *btf.Void:
		return join("void", nil)
	case *btf.Int:
		return join(h.intName(t))
	case *btf.Float:
		switch t.Size {
		case 4:
			return join("float", nil)
		case 8:
			return join("double", nil)
		}
		return "", fmt.Errorf("a floating point number of %d bytes", t.Size)
	case *btf.Enum:
		if t.Name == "" {
			return join(integer(uint64(t.Size), t.Signed))
		}
		return join("enum "+h.tags[t], nil)
	case *btf.Fwd:
		return join(t.Kind.String()+" "+h.tags[t], nil)
	case *btf.Struct:
		return join(h.recordName(t, "struct", depth))
	case *btf.Union:
		return join(h.recordName(t, "union", depth))
	case *btf.Typedef:
		if name := h.tags[t]; name != "" {
			return join(name, nil)
		}
		return h.decl(t.Type, inner, depth+1)
	case *btf.Pointer:
		inner = "*" + inner
		switch h.shown(t.Target).(type) {
		case *btf.Array, *btf.FuncProto:
			inner = "(" + inner + ")"
		}
		return h.decl(t.Target, inner, depth+1)
	case *btf.Array:
		return h.array(t, inner, depth)
	case *btf.FuncProto:
		return h.function(t, inner, depth)
	case nil:
		return "", errTooMuch
	default:
		return "", fmt.Errorf("%v is used as a type", t)
	}
}

// shown follows the type names that are not written.
func (h *header) shown(t btf.Type) btf.Type {
	for range maxDepth {
		t = unqualified(t)
		td, ok := t.(*btf.Typedef)
		if !ok || h.tags[td] != "" {
			return t
		}
		t = td.Type
	}
	return nil
}

func (h *header) intName(t *btf.Int) (string, error) {
	if t.Encoding == btf.Bool && t.Size == 1 {
		return "_Bool", nil
	}
	if t.Name == "char" && t.Size == 1 {
		return "char", nil
	}
	return integer(uint64(t.Size), t.Encoding == btf.Signed)
}

func (h *header) recordName(t btf.Type, kind string, depth int) (string, error) {
	if t.TypeName() != "" {
		return kind + " " + h.tags[t], nil
	}
	text, err := h.record(t, kind, depth)
	return kind + " " + text, err
}

func (h *header) array(t *btf.Array, inner string, depth int) (string, error) {
	switch plain(t.Type).(type) {
	case *btf.Void, *btf.FuncProto, *btf.Fwd:
		return "", errors.New("an array of what has no size")
	}
	if _, err := h.size(t, depth); err != nil {
		return "", err
	}
	return h.decl(t.Type, fmt.Sprintf("%s[%d]", inner, t.Nelems), depth+1)
}

func (h *header) function(t *btf.FuncProto, inner string, depth int) (string, error) {
	switch plain(t.Return).(type) {
	case *btf.Array, *btf.FuncProto:
		return "", errors.New("a function that returns what cannot be returned")
	}
	params := make([]string, 0, len(t.Params))
	for i := range t.Params {
		p := t.Params[i].Type
		if _, none := plain(p).(*btf.Void); none {
			// At the end this stands for more of them, of any kind.
			if i != len(t.Params)-1 || t.Params[i].Name != "" {
				return "", errors.New("a parameter without a type")
			}
			if i > 0 {
				params = append(params, "...")
			}
			break
		}
		text, err := h.decl(p, "", depth+1)
		if err != nil {
			return "", err
		}
		params = append(params, text)
	}
	if len(params) == 0 {
		params = append(params, "void")
	}
	return h.decl(t.Return, inner+"("+strings.Join(params, ", ")+")", depth+1)
}
