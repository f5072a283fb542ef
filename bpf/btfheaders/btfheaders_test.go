// SPDX-License-Identifier: Apache-2.0

package btfheaders

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func TestAllOfAKernelsTypesLieWhereItsBTFSays(t *testing.T) {
	compilers := clangs(t)
	files := kernels(t)
	if len(files) == 0 {
		t.Skip("this kernel has no BTF, and TIERCEL_BTF names none")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			spec, err := btf.LoadSpec(file)
			if err != nil {
				t.Fatal(err)
			}
			structures, fields := agrees(t, compilers[len(compilers)-1], spec, Options{})
			t.Logf("%d structures with %d bit fields", structures, fields)
			if structures < 1000 || fields < 500 {
				t.Errorf("only %d structures with %d bit fields", structures, fields)
			}
		})
	}
}

var (
	u8   = &btf.Int{Name: "unsigned char", Size: 1}
	u32  = &btf.Int{Name: "unsigned int", Size: 4}
	s32  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	u64  = &btf.Int{Name: "long unsigned int", Size: 8}
	boo  = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}
	chr  = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	wide = &btf.Int{Name: "__int128", Size: 16, Encoding: btf.Signed}
)

func pointer(t btf.Type) *btf.Pointer { return &btf.Pointer{Target: t} }

func array(t btf.Type, n uint32) *btf.Array { return &btf.Array{Index: u32, Type: t, Nelems: n} }

// odd is types with everything that C and kernels know.
func odd() []btf.Type {
	inner := &btf.Struct{Name: "inner", Size: 12, Members: []btf.Member{{Name: "a", Type: u64}, {Name: "b", Type: u32, Offset: 64}}} // packed
	node := &btf.Struct{Name: "node", Size: 24}
	alias := &btf.Typedef{Name: "node_t", Type: node}
	node.Members = []btf.Member{
		{Name: "next", Type: pointer(alias)},
		{Name: "call", Offset: 64, Type: pointer(&btf.FuncProto{Return: pointer(node), Params: []btf.FuncParam{
			{Name: "n", Type: alias}, {Name: "s", Type: pointer(&btf.Const{Type: chr})}, {Type: &btf.Void{}},
		}})},
		{Name: "handlers", Offset: 128, Type: pointer(array(pointer(&btf.FuncProto{Return: &btf.Void{}}), 3))},
	}
	anonymous := &btf.Union{Size: 8, Members: []btf.Member{
		{Name: "whole", Type: u64},
		{Type: &btf.Struct{Size: 8, Members: []btf.Member{{Name: "low", Type: u32}, {Name: "high", Type: s32, Offset: 32}}}},
	}}
	color := &btf.Enum{Name: "color", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "RED", Value: 1}, {Name: "NONE", Value: 1<<64 - 1}, {Name: "LEAST", Value: 1<<64 - 1<<31}}}
	huge := &btf.Enum{Name: "huge", Size: 8, Values: []btf.EnumValue{{Name: "TOP", Value: 1 << 63}, {Name: "RED", Value: 2}}}
	huger := &btf.Enum{Name: "huger", Size: 8, Signed: true, Values: []btf.EnumValue{{Name: "BOTTOM", Value: 1 << 63}}}
	tiny := &btf.Enum{Name: "tiny", Size: 1, Values: []btf.EnumValue{{Name: "LITTLE", Value: 200}}}
	nameless := &btf.Enum{Size: 4, Values: []btf.EnumValue{{Name: "ALONE", Value: 7}}}
	return []btf.Type{
		inner, node, color, huge, huger, tiny,
		&btf.Struct{Name: "bits", Size: 24, Members: []btf.Member{
			{Name: "a", Type: u32, BitfieldSize: 3}, {Name: "b", Type: boo, Offset: 5, BitfieldSize: 1},
			{Name: "c", Type: color, Offset: 6, BitfieldSize: 7}, {Name: "d", Type: u64, Offset: 64, BitfieldSize: 62},
			{Name: "e", Type: u8, Offset: 126, BitfieldSize: 2}, {Name: "f", Type: tiny, Offset: 133, BitfieldSize: 8},
			{Name: "g", Type: u8, Offset: 160},
		}},
		&btf.Struct{Name: "mixed", Size: 128, Members: []btf.Member{
			{Name: "c", Type: chr}, {Name: "unaligned", Type: inner, Offset: 8}, {Type: anonymous, Offset: 128},
			{Type: &btf.Typedef{Name: "inner_t", Type: inner}, Offset: 192}, // as -fms-extensions allows
			{Name: "int", Type: pointer(&btf.Fwd{Name: "elsewhere", Kind: btf.FwdUnion}), Offset: 320},
			{Name: "w", Type: wide, Offset: 384}, {Name: "table", Type: array(array(u32, 2), 3), Offset: 512},
			{Name: "state", Type: nameless, Offset: 704}, {Name: "own", Type: anonymous, Offset: 736},
			{Name: "__INT_MAX__", Type: u32, Offset: 800}, {Name: "flex", Type: array(inner, 0), Offset: 1024},
		}},
		&btf.Struct{Name: "mixed", Size: 4, Members: []btf.Member{{Name: "other", Type: u32}}},
		&btf.Struct{Name: "elsewhere", Size: 4}, &btf.Struct{Name: "empty"}, &btf.Struct{Name: "struct", Size: 1},
		&btf.Union{Name: "loose", Size: 16, Members: []btf.Member{{Name: "x", Type: u32}, {Name: "y", Type: u64, BitfieldSize: 9}}},
		&btf.Typedef{Name: "u32", Type: u32}, &btf.Typedef{Name: "RED", Type: array(pointer(node), 2)},
		&btf.Typedef{Name: "pair", Type: &btf.Struct{Size: 16, Members: []btf.Member{{Name: "a", Type: wide, Offset: 0}}}},
		&btf.Struct{Name: "a-b", Size: 8, Members: []btf.Member{{Name: "u32", Type: &btf.Typedef{Name: "u32", Type: u32}}}},
	}
}

func build(t testing.TB, types []btf.Type) *btf.Spec {
	t.Helper()
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := b.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestOddTypesLieWhereTheyShould(t *testing.T) {
	for _, clang := range clangs(t) {
		structures, fields := agrees(t, clang, build(t, odd()), Options{})
		if structures != 11 || fields != 7 {
			t.Errorf("%s: %d structures with %d bit fields", clang, structures, fields)
		}
	}
}

func TestNamesAreGivenOnce(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, build(t, odd()), Options{Declared: []string{"u32"}, Ask: []string{"mixed.high", "bits.c", "bits.z", "color.NONE", "none.x"}}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"struct mixed___2 {", "struct tcl_struct {", "union elsewhere;", "struct elsewhere___2 {", "RED___2 = 2UL", "RED = 1,", "NONE = -1,",
		"LEAST = -2147483647 - 1,", "TOP = 9223372036854775808UL,", "LITTLE = 200,", "enum tiny : unsigned char {", "ALONE = 7U,",
		"union elsewhere *tcl_int;", "typedef struct node *RED___3[2];", "void (*(*handlers)[3])(void);",
		"struct node *(*call)(node_t, char *, ...);", "enum color c : 7;", "tcl___INT_MAX__", "struct tcl_a_2db {",
		"#define TCL_HAS_mixed_high 1\n#define TCL_BIT_mixed_high 160\n", "#define TCL_BIT_bits_c 6\n", "#define TCL_HAS_color_NONE 1\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no %q", line)
		}
	}
	for _, not := range []string{"typedef unsigned int u32", "bits_z", "none_x"} {
		if strings.Contains(b.String(), not) {
			t.Errorf("there is %q", not)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestOnlyWhatIsAskedForIsDefined(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, build(t, odd()), Options{Types: []string{"node"}}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "struct node {") || strings.Contains(s, "mixed") {
		t.Error(s)
	}
	if err := Write(io.Discard, build(t, odd()), Options{Types: []string{"nowhere"}}); err == nil || !strings.Contains(err.Error(), "there is no type nowhere") {
		t.Error(err)
	}
}

func TestTypesWithoutSenseAreRefused(t *testing.T) {
	self := &btf.Struct{Name: "self", Size: 8}
	self.Members = []btf.Member{{Name: "me", Type: self}}
	loop := &btf.Typedef{Name: "loop"}
	loop.Type = pointer(&btf.Struct{Size: 8, Members: []btf.Member{{Name: "l", Type: loop}}})
	deep := &btf.Struct{Size: 8}
	deep.Members = []btf.Member{{Name: "d", Type: pointer(deep)}}
	bomb := btf.Type(u8)
	for range 60 {
		bomb = &btf.Struct{Size: 64, Members: []btf.Member{{Name: "a", Type: pointer(bomb)}, {Name: "b", Type: pointer(bomb), Offset: 64}}}
	}
	for says, t2 := range map[string]btf.Type{
		"holds itself":                &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "m", Type: self}}},
		"stands for itself":           loop,
		"nested in each other":        &btf.Typedef{Name: "deep", Type: deep},
		"too much":                    &btf.Typedef{Name: "bomb", Type: bomb},
		"members overlap":             &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "a", Type: u64}, {Name: "b", Type: u8, Offset: 8}}},
		"lies outside":                &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: u64}}},
		"larger than its type":        &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: u8, BitfieldSize: 9}}},
		"no bit field":                &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: u8, Offset: 3}}},
		"used, but not described":     &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: &btf.Fwd{Name: "f"}}}},
		"3 bytes":                     &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: &btf.Int{Name: "odd", Size: 3}}}},
		"has no size":                 &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: &btf.Void{}}}},
		"an array of what has no":     &btf.Typedef{Name: "a", Type: array(&btf.Void{}, 2)},
		"what cannot be returned":     &btf.Typedef{Name: "a", Type: &btf.FuncProto{Return: array(u8, 2)}},
		"a parameter without a type":  &btf.Typedef{Name: "a", Type: &btf.FuncProto{Return: u8, Params: []btf.FuncParam{{Name: "x", Type: &btf.Void{}}}}},
		"a member without a name":     &btf.Struct{Name: "s", Size: 4, Members: []btf.Member{{Type: u8}}},
		"at the beginning of the uni": &btf.Union{Name: "s", Size: 4, Members: []btf.Member{{Name: "a", Type: u8, Offset: 8}}},
	} {
		err := Write(io.Discard, build(t, []btf.Type{t2}), Options{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

// subset is the BTF of a kernel as far as the probe needs it.
func subset(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is made of damaged BTF is refused, or is C that a compiler understands
// as it was meant.
func TestDamagedBTFIsRefusedOrUnderstood(t *testing.T) {
	compilers := clangs(t)
	whole := subset(t, "6.12-amd64.btf.gz")
	header, strings := binary.LittleEndian.Uint32(whole[4:]), binary.LittleEndian.Uint32(whole[16:])
	random := rand.New(rand.NewPCG(1, 2))
	compiled, refused := 0, 0
	for compiled < 8 {
		b := bytes.Clone(whole)
		for range 1 + random.IntN(3) {
			b[header+random.Uint32N(strings)] ^= 1 << random.IntN(8)
		}
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(b))
		if err != nil || Write(io.Discard, spec, Options{}) != nil {
			refused++
			continue
		}
		agrees(t, compilers[compiled%len(compilers)], spec, Options{})
		compiled++
	}
	t.Logf("%d refused, %d compiled", refused, compiled)
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

func FuzzHeader(f *testing.F) {
	types := odd()
	for _, seed := range [][]btf.Type{types, types[:2], types[2:7], types[7:]} {
		b, err := btf.NewBuilder(seed, nil)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := b.Marshal(nil, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		_ = Write(io.Discard, spec, Options{Types: []string{"mixed", "node"}, Ask: []string{"mixed.high"}})
		var all bytes.Buffer
		if Write(&all, spec, Options{}) != nil {
			return
		}
		if strings.Count(all.String(), "{") != strings.Count(all.String(), "}") {
			t.Error("braces are not in pairs")
		}
	})
}
