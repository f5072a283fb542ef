// SPDX-License-Identifier: Apache-2.0

package btfheaders

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Options say what is wanted of a kernel's types.
type Options struct {
	// Types are the structures, unions, enumerations and type names that are to be
	// defined, with all that they are made of. What they only point to is
	// declared. nil: everything there is.
	Types []string
	// Declared are type names that the header's reader has already.
	Declared []string
	// Ask lists members ("inode.i_ctime_sec") and enumerators
	// ("cgroup_subsys_id.cpu_cgrp_id") that not all kernels have. For each that is
	// there the header defines TCL_HAS_inode_i_ctime_sec, and so on.
	Ask []string
}

// Write writes the header. Types that make no sense are an error, as they are
// in damaged BTF.
func Write(w io.Writer, spec *btf.Spec, o Options) error {
	h := newHeader(o.Declared)
	if err := h.fill(spec, o); err != nil {
		return fmt.Errorf("make a C header from BTF: %w", err)
	}
	_, err := h.out.WriteTo(w)
	return err
}

// header is one that is being written.
type header struct {
	out   bytes.Buffer
	names names
	state map[btf.Type]state // of named types and of anonymous enumerations
	tags  map[btf.Type]string
	steps int
	align map[btf.Type]uint64
}

type state uint8

const (
	declared state = 1 << iota // a structure that may be pointed to
	entered                    // its parts are being defined
	defined
)

func newHeader(reserved []string) *header {
	return &header{
		names: newNames(reserved),
		state: make(map[btf.Type]state),
		tags:  make(map[btf.Type]string),
		align: make(map[btf.Type]uint64),
	}
}

const (
	// maxSteps bounds the work: a kernel has a million members, and damaged BTF
	// can describe very much with few types.
	maxSteps = 32 << 20
	// bytesPerStep is how much text takes as long to move as a type to look at.
	bytesPerStep = 16
	// maxOutput bounds the header in the same way; a whole kernel's has 6 MiB.
	maxOutput = 64 << 20
	// maxDepth is how deep types may be nested in each other.
	maxDepth = 100
)

var errTooMuch = errors.New("too much: types are nested in each other without end")

func (h *header) step(depth int) error {
	h.steps++
	if h.steps > maxSteps || depth > maxDepth || h.out.Len() > maxOutput {
		return errTooMuch
	}
	return nil
}

func (h *header) fill(spec *btf.Spec, o Options) error {
	h.out.WriteString("/* Made from a kernel's BTF. */\n#ifndef TCL_KERNEL_TYPES_H\n#define TCL_KERNEL_TYPES_H\n\n")
	if o.Types == nil {
		for t, err := range spec.All() {
			if err != nil {
				return err
			}
			if err := h.all(t); err != nil {
				return err
			}
		}
	}
	for _, name := range o.Types {
		t, err := find(spec, name)
		if err != nil {
			return err
		}
		if err := h.need(t, true, 0); err != nil {
			return err
		}
	}
	for _, question := range o.Ask {
		if err := h.answer(spec, question); err != nil {
			return err
		}
	}
	h.out.WriteString("\n#endif\n")
	return nil
}

// all defines a type when everything is wanted.
func (h *header) all(t btf.Type) error {
	switch t := t.(type) {
	case *btf.Enum:
		return h.need(t, true, 0)
	case *btf.Struct, *btf.Union:
		if t.TypeName() == "" {
			return nil // comes with what it is a part of
		}
		return h.need(t, true, 0)
	case *btf.Typedef: // maybe of what is described nowhere
		return h.need(t, false, 0)
	}
	return nil
}

// find returns the type with that name which has a definition: a structure
// before a type name.
func find(spec *btf.Spec, name string) (btf.Type, error) {
	all, err := spec.AnyTypesByName(name)
	if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return nil, err
	}
	var found btf.Type
	for _, t := range all {
		switch t.(type) {
		case *btf.Struct, *btf.Union, *btf.Enum:
			return t, nil
		case *btf.Typedef:
			found = t
		}
	}
	if found == nil {
		return nil, fmt.Errorf("there is no type %s: %w", name, btf.ErrNotFound)
	}
	return found, nil
}

// answer says whether a type has a member or an enumerator, and where.
func (h *header) answer(spec *btf.Spec, question string) error {
	name, part, ok := strings.Cut(question, ".")
	if !ok || !isIdentifier(name) || !isIdentifier(part) {
		return fmt.Errorf("%q is not of the form type.member", question)
	}
	t, err := find(spec, name)
	if errors.Is(err, btf.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if e, ok := t.(*btf.Enum); ok {
		if slices.ContainsFunc(e.Values, func(v btf.EnumValue) bool { return v.Name == part }) {
			fmt.Fprintf(&h.out, "#define TCL_HAS_%s_%s 1\n", name, part)
		}
		return nil
	}
	at, there, err := h.bit(plain(t), part, 0)
	if there {
		fmt.Fprintf(&h.out, "#define TCL_HAS_%s_%s 1\n#define TCL_BIT_%s_%s %d\n", name, part, name, part, at)
	}
	return err
}

// bit returns where a member begins, in bits.
func (h *header) bit(t btf.Type, part string, depth int) (at uint64, there bool, err error) {
	if err := h.step(depth); err != nil {
		return 0, false, err
	}
	members, _ := body(t)
	for _, m := range members {
		if m.Name == part {
			return uint64(m.Offset), true, nil
		}
		if m.Name != "" {
			continue
		}
		if at, there, err := h.bit(plain(m.Type), part, depth+1); there || err != nil {
			return uint64(m.Offset) + at, there, err
		}
	}
	return 0, false, nil
}

// body returns what a structure or union holds, and its size.
func body(t btf.Type) ([]btf.Member, uint64) {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Members, uint64(t.Size)
	case *btf.Union:
		return t.Members, uint64(t.Size)
	}
	return nil, 0
}

// unqualified takes const, volatile, restrict and annotations off a type. Chains
// without an end are found by whoever follows them with step.
func unqualified(t btf.Type) btf.Type {
	for range maxDepth {
		switch q := t.(type) {
		case *btf.Const:
			t = q.Type
		case *btf.Volatile:
			t = q.Type
		case *btf.Restrict:
			t = q.Type
		case *btf.TypeTag:
			t = q.Type
		default:
			return t
		}
	}
	return nil
}

// plain also follows type names.
func plain(t btf.Type) btf.Type {
	for range maxDepth {
		t = unqualified(t)
		td, ok := t.(*btf.Typedef)
		if !ok {
			return t
		}
		t = td.Type
	}
	return nil
}
