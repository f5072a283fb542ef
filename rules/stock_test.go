// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"os"
	"path/filepath"
	"testing"
)

// stockFiles reads the rules files that the reference ships, which lie beside
// the project on some machines.
func stockFiles(t testing.TB) []File {
	t.Helper()
	var out []File
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", "rules", name))
		if err != nil {
			t.Skipf("the stock rules are not on this machine: %v", err)
		}
		out = append(out, File{Name: name, Content: b})
	}
	return out
}

func TestStockRulesLoadUnchanged(t *testing.T) {
	files := stockFiles(t)
	for _, f := range files {
		t.Run(f.Name, func(t *testing.T) { checkLoads(t, []File{f}) })
	}
	t.Run("all in order", func(t *testing.T) { checkLoads(t, files) })
}

func checkLoads(t *testing.T, files []File) {
	t.Helper()
	rs, rep := Load(files, Options{})
	if rs == nil {
		t.Fatal(rep.Err())
	}
	t.Logf("%d rules, %d enabled, %d system calls", len(rs.Rules()), len(rs.Enabled()), rs.Syscalls().Len())
	for _, f := range rep.Files {
		if f.Schema != SchemaOK {
			t.Errorf("%s: schema %v: %q", f.Name, f.Schema, f.SchemaWarnings)
		}
		for _, w := range f.Warnings {
			if w.Code != WarnUnusedList && w.Code != WarnUnusedMacro {
				t.Logf("%s", w.Text())
			}
		}
	}
	m, err := rs.Compile(MatchFirst)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Rules()) != len(rs.Enabled()) {
		t.Errorf("%d rules compiled, %d enabled", len(m.Rules()), len(rs.Enabled()))
	}
}

func BenchmarkLoadStockRules(b *testing.B) {
	files := stockFiles(b)
	b.ReportAllocs()
	for b.Loop() {
		if rs, rep := Load(files, Options{}); rs == nil {
			b.Fatal(rep.Err())
		}
	}
}

func BenchmarkCompileStockRules(b *testing.B) {
	rs, rep := Load(stockFiles(b), Options{})
	if rs == nil {
		b.Fatal(rep.Err())
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rs.Compile(MatchAll); err != nil {
			b.Fatal(err)
		}
	}
}
