// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/tiercel/tiercel/drivers/schema"
)

// rows returns the cells of the page's rows by the call that they are about.
func rows(t *testing.T, s *schema.Schema) map[string][]string {
	t.Helper()
	text, err := syscallDocs(s)
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(text), "\n## ")
	out := map[string][]string{}
	columns := 0
	for line := range strings.Lines(tables) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "| "):
		case cells[0] == "call":
			columns = len(cells)
		case len(cells) != columns:
			t.Errorf("row with %d cells in a table of %d: %s", len(cells), columns, line)
		case out[cells[0]] != nil:
			t.Errorf("%s has two rows", cells[0])
		default:
			out[cells[0]] = cells
		}
	}
	return out
}

func TestThePageHasOneRowForEachCall(t *testing.T) {
	s := load(t)
	have := rows(t, s)
	n := 0
	for _, c := range s.Calls {
		if c.Kind == schema.KindReserved {
			continue
		}
		n++
		if have[c.Name] == nil {
			t.Errorf("%s is not on the page", c.Name)
		}
	}
	if len(have) != n {
		t.Errorf("the page has %d rows, want %d", len(have), n)
	}
}

func TestRowsTellWhatTheSchemaSays(t *testing.T) {
	have := rows(t, load(t))
	for name, want := range map[string][]string{
		"openat": {"307 (older: 103)", "fd *fd*, dirfd *fd*, name *fsrelpath*", "state, file, *never*", "257", "56", "295", "own"},
		"getpid": {"*always*", "39", "172", "20", "generic"},
		"uselib": {"*always*", "-", "-", "-", "-"},
	} {
		row := have[name]
		if len(row) != len(want)+1 {
			t.Errorf("%s: %q", name, row)
			continue
		}
		for i, w := range want {
			if cell := row[i+1]; cell != w && (i != 1 || !strings.HasPrefix(cell, w)) {
				t.Errorf("%s: cell %d is %q, want %q", name, i+1, cell, w)
			}
		}
	}
	if !strings.Contains(have["openat"][2], "; *at entry* (306): dirfd *fd*") {
		t.Errorf("the row of openat does not tell its enter event: %s", have["openat"][2])
	}
}

func TestACategoryWithoutAChapterIsAnError(t *testing.T) {
	s := load(t)
	s.Call("openat").Event.Category = "internal"
	if _, err := syscallDocs(s); err == nil || !strings.Contains(err.Error(), "internal") {
		t.Error(err)
	}
}
