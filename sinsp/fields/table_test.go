// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// shared is the folder with the reference tables and the stock rules; tests
// that need it are skipped without it.
func shared(t testing.TB, path string) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no %s here (%v)", path, err)
	}
	return p
}

// TestEveryFieldIsDocumentedAndUsable holds for each field what lists and
// compilers rely on.
func TestEveryFieldIsDocumentedAndUsable(t *testing.T) {
	n := 0
	for _, c := range fields.Default().Classes() {
		if c.Name == "" || c.ShortDesc == "" || c.Doc == "" {
			t.Errorf("class %q lacks a description", c.Name)
		}
		for _, f := range c.Fields {
			n++
			if len(f.Doc) < 6 || !strings.HasSuffix(f.Doc, ".") {
				t.Errorf("%s: description %q is no sentence", f.Name, f.Doc)
			}
			if f.TypeName() == "" {
				t.Errorf("%s: type %d has no name", f.Name, f.Type)
			}
			if f.Extract == nil {
				t.Errorf("%s has no extractor", f.Name)
			}
			if f.Class != c.Name || fields.Default().Lookup(f.Name) != f {
				t.Errorf("%s is not found under its class", f.Name)
			}
			if (f.Arg == fields.ArgNone) == (f.ArgIndex || f.ArgKey || f.ArgDot) {
				t.Errorf("%s: argument kind %d does not fit its forms", f.Name, f.Arg)
			}
		}
	}
	if n < 260 {
		t.Errorf("only %d fields", n)
	}
}

// TestTableAgreesWithReference compares name, class, type, format and argument
// of each field with the reference table of the fields that are still there.
func TestTableAgreesWithReference(t *testing.T) {
	file, err := os.Open(shared(t, "reference/fields.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	seen := make(map[string]bool)
	sc := bufio.NewScanner(file)
	sc.Scan()
	for sc.Scan() {
		col := strings.Split(sc.Text(), "\t")
		if col[13] == "removed" {
			continue
		}
		seen[col[0]] = true
		f := fields.Default().Lookup(col[0])
		if f == nil {
			t.Errorf("%s is missing", col[0])
			continue
		}
		yes := map[string]bool{"yes": true, "no": false}
		arg := map[string]fields.ArgKind{"none": fields.ArgNone, "optional": fields.ArgOptional, "required": fields.ArgRequired}
		form := map[scap.ParamFormat]string{scap.PFNA: "PF_NA", scap.PFDec: "PF_DEC", scap.PFHex: "PF_HEX",
			scap.PF10PaddedDec: "PF_10_PADDED_DEC", scap.PFID: "PF_ID", scap.PFDir: "PF_DIR", scap.PFOct: "PF_OCT"}
		typ := strings.TrimPrefix(col[2], "PT_")
		if typ == "DYN" {
			typ = "DYNAMIC"
		}
		for _, c := range []struct {
			what      string
			got, want any
		}{
			{"class", f.Class, col[1]},
			{"type", f.TypeName(), typ},
			{"format", form[f.Format], col[3]},
			{"list", f.List, yes[col[4]]},
			{"argument", f.Arg, arg[col[5]]},
			{"index argument", f.ArgIndex, strings.Contains(col[6], "index")},
			{"dotted argument", f.ArgDot, strings.Contains(col[6], ".")},
			{"output only", f.OutputOnly, !yes[col[7]]},
			{"filter only", f.FilterOnly, !yes[col[8]]},
			{"hidden", f.Hidden, yes[col[9]]},
			{"no transformers", f.NoTransform, !yes[col[10]]},
			{"no val()", f.NoRHS, !yes[col[11]]},
			{"deprecated", f.Deprecated, yes[col[12]]},
		} {
			if c.got != c.want {
				t.Errorf("%s: %s is %v, want %v", f.Name, c.what, c.got, c.want)
			}
		}
	}
	for _, c := range fields.Default().Classes() {
		for _, f := range c.Fields {
			if seen[f.Name] == f.Own {
				t.Errorf("%s is in the reference %v, of our own %v", f.Name, seen[f.Name], f.Own)
			}
		}
	}
}
