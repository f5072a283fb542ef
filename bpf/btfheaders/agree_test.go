// SPDX-License-Identifier: Apache-2.0

package btfheaders

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// clang returns the compilers that are here, the oldest and the newest.
func clangs(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"clang-14", "clang-19"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Skip("needs clang-14 or clang-19")
	}
	return found
}

// compile compiles C for bpf and returns the object.
func compile(t *testing.T, clang, text string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	source, object := filepath.Join(dir, "x.c"), filepath.Join(dir, "x.o")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(clang, "-target", "bpf", "-std=gnu11", "-O1", "-w", "-c", source, "-o", object).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%.3000s", clang, err, out)
	}
	return object, nil
}

// claims says in C what BTF says of every structure that a header defines.
type claims struct {
	*header
	text   strings.Builder
	fields map[string]bitfield // symbol to what it must hold
}

type bitfield struct {
	at, width, size uint64
}

func (c *claims) structures(t *testing.T) (n int) {
	t.Helper()
	c.fields = make(map[string]bitfield)
	for typ, state := range c.state {
		tag := c.tags[typ]
		switch inner := typ.(type) {
		case *btf.Struct:
			tag = "struct " + tag
		case *btf.Union:
			tag = "union " + tag
		case *btf.Typedef:
			if inner.Type.TypeName() != "" || tag == "" {
				continue
			}
			typ = inner.Type
		}
		members, size := body(typ)
		if members == nil || state&defined == 0 {
			continue
		}
		n++
		fmt.Fprintf(&c.text, "_Static_assert(sizeof(%s) == %d, \"%s\");\n", tag, size, tag)
		c.members(tag, members, 0, size, make(taken))
	}
	return n
}

func (c *claims) members(tag string, members []btf.Member, base, size uint64, scope taken) {
	for i := range members {
		m := &members[i]
		at := base + uint64(m.Offset)
		if m.Name == "" {
			inner, _ := body(plain(m.Type))
			c.members(tag, inner, at, size, scope)
			continue
		}
		name := unused(scope, identifier(m.Name))
		if m.BitfieldSize == 0 {
			fmt.Fprintf(&c.text, "_Static_assert(8UL * __builtin_offsetof(%s, %s) == %d, \"%s.%s\");\n", tag, name, at, tag, name)
			continue
		}
		symbol := fmt.Sprintf("tcl_check_%d", len(c.fields))
		c.fields[symbol] = bitfield{at, uint64(m.BitfieldSize), size}
		fmt.Fprintf(&c.text, "const %s %s = {.%s = -1};\n", tag, symbol, name)
	}
}

// bits holds the bit fields of an object against what they must be.
func (c *claims) bits(t *testing.T, object string) {
	t.Helper()
	f, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.Section(".rodata").Data()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, s := range symbols {
		want, ok := c.fields[s.Name]
		if !ok {
			continue
		}
		checked++
		b := data[s.Value : s.Value+want.size]
		for i := range 8 * want.size {
			if got := b[i/8]>>(i%8)&1 == 1; got != (i >= want.at && i < want.at+want.width) {
				t.Errorf("%s: bit %d is %v, want bits %d to %d", s.Name, i, got, want.at, want.at+want.width)
				break
			}
		}
	}
	if checked != len(c.fields) {
		t.Errorf("%d of %d bit fields checked", checked, len(c.fields))
	}
}

// agrees compiles the header and holds every structure against BTF.
func agrees(t *testing.T, clang string, spec *btf.Spec, o Options) (structures, fields int) {
	t.Helper()
	h := newHeader(o.Declared)
	if err := h.fill(spec, o); err != nil {
		t.Fatal(err)
	}
	c := claims{header: h}
	c.text.WriteString(h.out.String())
	structures = c.structures(t)
	object, err := compile(t, clang, c.text.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.fields) > 0 {
		c.bits(t, object)
	}
	return structures, len(c.fields)
}

// kernels are BTF files to test with: the running kernel's, and those that the
// environment names.
func kernels(t *testing.T) []string {
	t.Helper()
	var files []string
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err == nil {
		files = append(files, "/sys/kernel/btf/vmlinux")
	}
	return append(files, strings.Fields(os.Getenv("TIERCEL_BTF"))...)
}
