// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os"
	"strings"
	"testing"
)

// The table of the documentation is made of the table of the program.
func TestTheDocumentationHasTheTable(t *testing.T) {
	const begin, end = "<!-- metrics -->\n", "<!-- end of metrics -->\n"
	var b strings.Builder
	if err := WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n < len(Table) {
		t.Errorf("%d lines for %d metrics", n, len(Table))
	}
	file := "../../docs/metrics.md"
	text, err := os.ReadFile(file)
	if err != nil {
		return // there is no page yet
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines %q and %q", file, begin, end)
	}
	if have == b.String() {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is out of date: go test ./agent/metrics -update", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
