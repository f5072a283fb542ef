// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// The table stands between these lines of a document.
const (
	tableBegin = "<!-- the table of make vmtest -->"
	tableEnd   = "<!-- its end -->"
)

// table is the matrix in Markdown, and what was tested.
func table(cells []*cell, commit string) string {
	var b strings.Builder
	passed := 0
	for _, c := range cells {
		if c.err == nil && len(c.said.Failed) == 0 {
			passed++
		}
	}
	fmt.Fprintf(&b, "%d of %d cells passed, at commit %s.\n\n", passed, len(cells), commit)
	b.WriteString("| kernel | cell | outcome |\n|---|---|---|\n")
	for _, c := range cells {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.kernel.Release, c.kind.name, c.outcome())
	}
	return b.String()
}

// record puts the table into a document.
func record(path, table string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), tableBegin+"\n")
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to put the table between", path, tableBegin, tableEnd)
	}
	return os.WriteFile(path, []byte(before+tableBegin+"\n"+table+tableEnd+after), 0o644)
}
