// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/drivers/schema"
)

func cFillers(s *schema.Schema) ([]byte, error) {
	f := newCFile("FILLERS", "The fillers of all events whose parameters have simple sources.", false)
	f.p("\n#include \"../data.h\"")
	for _, h := range s.Events {
		if h.Generated() {
			cFiller(f, h)
		}
	}
	return f.done()
}

// cFiller writes a filler. The put functions cannot fail, so nothing is
// checked between them: that is work saved for the verifier.
func cFiller(f *cFile, h *schema.Half) {
	f.p("\n/* %s */", signature(h))
	f.p("TCL_INLINE int tcl_fill_%s(struct tcl_ctx *c)", h.Ident())
	f.p("{")
	for _, p := range h.Params {
		f.p("\t%s;", putCall(p))
	}
	f.p("\treturn 0;")
	f.p("}")
}

// signature names the parameters for the reader of the generated code.
func signature(h *schema.Half) string {
	names := make([]string, len(h.Params))
	for i, p := range h.Params {
		names[i] = p.Name
	}
	return h.Name() + "(" + strings.Join(names, ", ") + ")"
}

// putCall returns the statement that appends a parameter.
func putCall(p *schema.Param) string {
	from := p.From
	switch from.Kind {
	case schema.SourceString:
		return fmt.Sprintf("tcl_put_ustr(c, %s)", operand(from.Arg))
	case schema.SourcePut:
		args := []string{"c"}
		for _, op := range from.Args {
			args = append(args, operand(op))
		}
		return fmt.Sprintf("tcl_p_%s(%s)", from.Name, strings.Join(args, ", "))
	}
	return fmt.Sprintf("tcl_put_%s(c, %s)", putWidth(p.Type), number(p))
}

// number returns the expression of a numeric source.
func number(p *schema.Param) string {
	from := p.From
	switch from.Kind {
	case schema.SourceRet:
		return "TCL_RET(c)"
	case schema.SourceConst:
		return fmt.Sprint(from.Value)
	case schema.SourceConv:
		switch from.Name {
		case "s32", "u32":
			return fmt.Sprintf("(%s)%s", from.Name, operand(from.Arg))
		}
		return fmt.Sprintf("tcl_conv_%s(%s)", from.Name, operand(from.Arg))
	}
	switch p.Type.Name {
	case "fd", "pid":
		// The kernel takes an int from the register, whatever its upper half.
		return "(s32)" + operand(from.Arg)
	}
	return operand(from.Arg)
}

func operand(op schema.Operand) string {
	switch op.Kind {
	case schema.OperandRet:
		return "TCL_RET(c)"
	case schema.OperandLiteral:
		return fmt.Sprint(op.N)
	}
	return fmt.Sprintf("TCL_ARG(c, %d)", op.N)
}

func putWidth(t *schema.Type) string {
	if t.Signed {
		return fmt.Sprintf("s%d", 8*t.Width)
	}
	return fmt.Sprintf("u%d", 8*t.Width)
}

// cConversions writes how kernel numbers become portable ones, without a table
// and with as few branches as there are runs of neighbours.
func cConversions(s *schema.Schema) ([]byte, error) {
	f := newCFile("CONV", "From the kernel's flags and enumerations to the portable ones.", false)
	for _, c := range s.Conversions {
		f.p("\n/* %s */", c.Table.Name)
		f.p("TCL_INLINE u32 tcl_conv_%s(u64 v)", c.Name)
		f.p("{")
		if c.Enum {
			cEnum(f, c)
		} else {
			cBits(f, c)
		}
		f.p("}")
	}
	return f.done()
}

// move is a group of bits that go from the kernel's places to the portable
// ones by the same distance, to the left where it is positive.
type move struct {
	arch  schema.Arch
	shift int
	mask  uint32
}

// bitMoves groups the bits of a conversion by distance.
func bitMoves(c *schema.Conversion) []move {
	var moves []move
	for _, v := range c.Values {
		shift := bits.TrailingZeros32(v.Portable) - bits.TrailingZeros32(v.Kernel)
		i := slices.IndexFunc(moves, func(m move) bool { return m.shift == shift && m.arch == v.Arch })
		if i < 0 {
			i = len(moves)
			moves = append(moves, move{arch: v.Arch, shift: shift})
		}
		moves[i].mask |= v.Kernel
	}
	slices.SortFunc(moves, func(a, b move) int { return cmp.Or(cmp.Compare(a.arch, b.arch), cmp.Compare(a.shift, b.shift)) })
	return moves
}

func cBits(f *cFile, c *schema.Conversion) {
	f.p("\tu32 f = 0;\n")
	for _, m := range bitMoves(c) {
		expr := fmt.Sprintf("v & %#xu", m.mask)
		switch {
		case m.shift > 0:
			expr = fmt.Sprintf("(%s) << %d", expr, m.shift)
		case m.shift < 0:
			expr = fmt.Sprintf("(%s) >> %d", expr, -m.shift)
		}
		cGuard(f, m.arch, func() { f.p("\tf |= %s;", expr) })
	}
	f.p("\treturn f;")
}

// run is a range of kernel values whose portable values start at out and rise
// with them.
type run struct {
	arch             schema.Arch
	first, last, out uint32
}

// enumRuns groups the values of a conversion into runs of neighbours.
func enumRuns(c *schema.Conversion) []run {
	values := slices.Clone(c.Values)
	slices.SortFunc(values, func(a, b schema.KernelValue) int {
		return cmp.Or(cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Kernel, b.Kernel))
	})
	var runs []run
	for _, v := range values {
		if n := len(runs) - 1; n >= 0 {
			r := &runs[n]
			if r.arch == v.Arch && r.last+1 == v.Kernel && r.out+v.Kernel-r.first == v.Portable {
				r.last = v.Kernel
				continue
			}
		}
		runs = append(runs, run{v.Arch, v.Kernel, v.Kernel, v.Portable})
	}
	return runs
}

// cEnum writes one test for each run. A switch would become a lookup table,
// which an eBPF object would need a map for.
func cEnum(f *cFile, c *schema.Conversion) {
	f.p("\tu32 k = v;\n")
	for _, r := range enumRuns(c) {
		cGuard(f, r.arch, func() {
			switch {
			case r.first == r.last:
				f.p("\tif (k == %d)", r.first)
				f.p("\t\treturn %d;", r.out)
				return
			case r.first == 0:
				f.p("\tif (k <= %d)", r.last)
			default:
				f.p("\tif (k >= %d && k <= %d)", r.first, r.last)
			}
			f.p("\t\treturn %s;", distance(r.first, r.out))
		})
	}
	unknown := uint32(0)
	for _, v := range c.Table.Values {
		if strings.HasSuffix(v.Name, "UNKNOWN") {
			unknown = v.Value
		}
	}
	f.p("\treturn %d;", unknown)
}

func distance(kernel, portable uint32) string {
	switch {
	case portable > kernel:
		return fmt.Sprintf("k + %d", portable-kernel)
	case portable < kernel:
		return fmt.Sprintf("k - %d", kernel-portable)
	}
	return "k"
}

// cGuard writes lines for one architecture only.
func cGuard(f *cFile, a schema.Arch, body func()) {
	if a == "" {
		body()
		return
	}
	f.p("#if %s", cArch[a])
	body()
	f.p("#endif")
}
