// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSource(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Source
	}{
		{"ret", Source{Kind: SourceRet}},
		{"arg 0", Source{Kind: SourceArg}},
		{"arg 5", Source{Kind: SourceArg, Arg: Operand{N: 5}}},
		{"arg 1 as path", Source{Kind: SourceString, Arg: Operand{N: 1}}},
		{"arg 2 as str", Source{Kind: SourceString, Arg: Operand{N: 2}}},
		{"arg 2 as open_flags", Source{Kind: SourceConv, Arg: Operand{N: 2}, Name: "open_flags"}},
		{"const 0", Source{Kind: SourceConst}},
		{"const -1", Source{Kind: SourceConst, Value: -1}},
		{"const 0x10", Source{Kind: SourceConst, Value: 16}},
		{"put vm_size", Source{Kind: SourcePut, Name: "vm_size"}},
		{"put user_u32 1 [3]", Source{Kind: SourcePut, Name: "user_u32", Args: []Operand{{N: 1}, {OperandLiteral, 3}}}},
		{"put fd_ino ret", Source{Kind: SourcePut, Name: "fd_ino", Args: []Operand{{Kind: OperandRet}}}},
	} {
		got, err := parseSource(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.text, d)
		}
	}
}

func TestParseSourceRejects(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "empty source"},
		{"arg", `source "arg" is none of: ret, arg N, arg N as NAME, const V, put NAME [N...]`},
		{"arg 6", `argument "6" is not a number from 0 to 5`},
		{"arg x as path", `argument "x" is not a number from 0 to 5`},
		{"arg ret", `"ret" is no argument of the call`},
		{"arg [1] as path", `"[1]" is no argument of the call`},
		{"arg 1 as Path", `conversion "Path" is not a name`},
		{"arg 1 like path", `source "arg 1 like path" is none of: ret, arg N, arg N as NAME, const V, put NAME [N...]`},
		{"const many", `const: "many" is not a number`},
		{"put 3", `put: "3" is not a name`},
		{"put data_in 9", `put data_in: argument "9" is not a number from 0 to 5`},
		{"put data_in [x]", `put data_in: operand "[x]" is not a number in brackets`},
		{"put data_in [2", `put data_in: operand "[2" is not a number in brackets`},
	} {
		_, err := parseSource(tc.text)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: error %v, want %s", tc.text, err, tc.want)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, text := range []string{"ret", "arg 1 as open_flags", "put user_u32 1 [3]", "const -0x1", "put x ret ret"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSource(text)
		if err != nil {
			return
		}
		if s.Kind == SourceNone || s.Kind == SourceText {
			t.Fatalf("%q parsed to kind %d", text, s.Kind)
		}
		for _, op := range append(s.Args, s.Arg) {
			if op.Kind == OperandArg && (op.N < 0 || op.N > 5) {
				t.Fatalf("%q names argument %d", text, op.N)
			}
		}
	})
}
