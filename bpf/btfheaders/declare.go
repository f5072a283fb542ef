// SPDX-License-Identifier: Apache-2.0

package btfheaders

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// need sees to it that what follows can name the type, and use it by value if
// complete is set.
func (h *header) need(t btf.Type, complete bool, depth int) error {
	if err := h.step(depth); err != nil {
		return err
	}
	switch t := unqualified(t).(type) {
	case *btf.Void, *btf.Int, *btf.Float:
		return nil
	case *btf.Pointer:
		return h.need(t.Target, false, depth+1)
	case *btf.Array: // C wants its elements complete even behind a pointer
		return h.need(t.Type, true, depth+1)
	case *btf.FuncProto:
		for i := range t.Params {
			if err := h.need(t.Params[i].Type, false, depth+1); err != nil {
				return err
			}
		}
		return h.need(t.Return, false, depth+1)
	case *btf.Typedef:
		return h.needTypedef(t, complete, depth)
	case *btf.Enum:
		return h.needEnum(t)
	case *btf.Fwd:
		if complete {
			return fmt.Errorf("%s %s is used, but not described", t.Kind, t.Name)
		}
		h.declare(t, t.Kind.String())
		return nil
	case *btf.Struct:
		return h.needRecord(t, "struct", complete, depth)
	case *btf.Union:
		return h.needRecord(t, "union", complete, depth)
	case nil:
		return errTooMuch
	default:
		return fmt.Errorf("%v is used as a type", t)
	}
}

// declare makes the tag of a structure or union known.
func (h *header) declare(t btf.Type, kind string) {
	if h.state[t]&declared != 0 {
		return
	}
	h.state[t] |= declared
	_, forward := t.(*btf.Fwd)
	tag := h.names.tag(kind, t.TypeName(), !forward)
	h.tags[t] = tag
	fmt.Fprintf(&h.out, "%s %s;\n", kind, tag)
}

func (h *header) needRecord(t btf.Type, kind string, complete bool, depth int) error {
	named := t.TypeName() != ""
	if named {
		h.declare(t, kind)
		if !complete || h.state[t]&defined != 0 {
			return nil
		}
		if h.state[t]&entered != 0 {
			return fmt.Errorf("%s %s holds itself", kind, t.TypeName())
		}
		h.state[t] |= entered
	}
	members, _ := body(t)
	for i := range members {
		m := &members[i]
		mt := m.Type
		if m.Name == "" {
			mt = plain(mt) // its body is written where it stands
			if inner, _ := body(mt); inner != nil {
				if err := h.needMembers(inner, depth+1); err != nil {
					return err
				}
				continue
			}
		}
		if err := h.need(mt, true, depth+1); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	if !named {
		return nil
	}
	text, err := h.record(t, kind, 0)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, t.TypeName(), err)
	}
	h.state[t] |= defined
	fmt.Fprintf(&h.out, "%s %s %s;\n\n", kind, h.tags[t], text)
	return nil
}

// needMembers is for the members of a type without a name.
func (h *header) needMembers(members []btf.Member, depth int) error {
	if err := h.step(depth); err != nil {
		return err
	}
	for i := range members {
		mt := members[i].Type
		if members[i].Name == "" {
			mt = plain(mt)
			if inner, _ := body(mt); inner != nil {
				if err := h.needMembers(inner, depth+1); err != nil {
					return err
				}
				continue
			}
		}
		if err := h.need(mt, true, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (h *header) needTypedef(t *btf.Typedef, complete bool, depth int) error {
	if h.state[t]&entered != 0 {
		return fmt.Errorf("the type name %s stands for itself", t.Name)
	}
	if h.state[t]&defined == 0 {
		h.state[t] |= entered
		if err := h.need(t.Type, false, depth+1); err != nil {
			return err
		}
		h.state[t] &^= entered
		h.state[t] |= defined
		if !h.transparent(t) {
			name := h.names.other(t.Name)
			text, err := h.decl(t.Type, name, depth+1)
			if err != nil {
				return fmt.Errorf("type name %s: %w", t.Name, err)
			}
			h.tags[t] = name
			fmt.Fprintf(&h.out, "typedef %s;\n", text)
		}
	}
	if !complete {
		return nil
	}
	return h.need(t.Type, true, depth+1) // which ends: loops were found above
}

// transparent says whether a type name is not written, but what it stands for.
func (h *header) transparent(t *btf.Typedef) bool {
	return t.Name == "" || h.names.reserved[t.Name] || compilers(t.Name)
}

// needEnum defines an enumeration. One without a name only gives its values:
// members of its type are integers.
func (h *header) needEnum(t *btf.Enum) error {
	if h.state[t]&defined != 0 {
		return nil
	}
	h.state[t] |= defined
	base, err := integer(uint64(t.Size), t.Signed)
	if err != nil {
		return fmt.Errorf("enum %s: %w", t.Name, err)
	}
	if t.Name == "" && len(t.Values) == 0 {
		return nil
	}
	head := "enum"
	if t.Name != "" {
		h.tags[t] = h.names.tag("enum", t.Name, true)
		head += " " + h.tags[t]
	}
	fmt.Fprintf(&h.out, "%s : %s", head, base)
	for i, v := range t.Values {
		if err := h.step(0); err != nil {
			return err
		}
		between := ","
		if i == 0 {
			between = " {"
		}
		fmt.Fprintf(&h.out, "%s\n\t%s = %s", between, h.names.other(v.Name), number(v.Value, uint64(t.Size), t.Signed))
	}
	if len(t.Values) > 0 {
		h.out.WriteString(",\n}")
	}
	h.out.WriteString(";\n\n")
	return nil
}

// number writes an enumerator's value so that it has the type of its enumeration.
func number(v, size uint64, signed bool) string {
	bits := 8 * size
	if !signed {
		if bits < 64 {
			v &= 1<<bits - 1
		}
		if size < 4 {
			return fmt.Sprintf("%d", v)
		}
		return fmt.Sprintf("%dU%s", v, suffix(size))
	}
	n := int64(v) << (64 - bits) >> (64 - bits)
	if n == -1<<(bits-1) { // its amount is no number of that type
		return fmt.Sprintf("%d%s - 1", n+1, suffix(size))
	}
	return fmt.Sprintf("%d%s", n, suffix(size))
}

func suffix(size uint64) string {
	if size == 8 {
		return "L"
	}
	return ""
}

var errSize = errors.New("an integer of a size that C does not have")

// integer names an integer type by its size.
func integer(size uint64, signed bool) (string, error) {
	name := map[uint64]string{1: "char", 2: "short", 4: "int", 8: "long", 16: "__int128"}[size]
	if name == "" {
		return "", fmt.Errorf("%w: %d bytes", errSize, size)
	}
	if signed {
		return "signed " + name, nil
	}
	return "unsigned " + name, nil
}
