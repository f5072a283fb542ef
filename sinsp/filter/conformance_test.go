// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// The cases were measured on the reference; the project's own scripts in
// testdata cover the same ground.
func TestConformanceParse(t *testing.T) {
	f, err := os.Open("../../../shared/conformance/filter_parse.jsonl")
	if err != nil {
		t.Skip("no conformance cases here: ", err)
	}
	defer f.Close()
	type pos struct{ Idx, Line, Col int }
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct {
			Name, Expr, Canonical string
			OK, Stable            bool
			ErrorPos              *pos `json:"error_pos"`
			MaxDepth              int  `json:"max_depth"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, func(t *testing.T) {
			if c.MaxDepth == 0 {
				c.MaxDepth = 1000
			}
			n, err := filter.Parse(c.Expr, filter.MaxDepth(c.MaxDepth))
			if (err == nil) != c.OK {
				t.Fatalf("parse %q: error %v, want ok %v", c.Expr, err, c.OK)
			}
			if err != nil {
				var e *filter.Error
				if !errors.As(err, &e) {
					t.Fatalf("error is a %T", err)
				}
				if got := (pos{e.Pos.Offset, e.Pos.Line, e.Pos.Col}); got != *c.ErrorPos {
					t.Errorf("parse %q: error %q at %v, want %v", c.Expr, e.Msg, got, *c.ErrorPos)
				}
				return
			}
			if got := filter.Canonical(n); got != c.Canonical {
				t.Errorf("canonical text of %q: %q, want %q", c.Expr, got, c.Canonical)
			}
			if c.Stable && n.String() != c.Canonical {
				t.Errorf("text of %q: %q, want %q", c.Expr, n, c.Canonical)
			}
			again, err := filter.Parse(n.String(), filter.MaxDepth(1000))
			if err != nil {
				t.Fatalf("text of %q does not parse back: %q: %v", c.Expr, n, err)
			}
			if again.String() != n.String() {
				t.Errorf("text of %q is not stable: %q, then %q", c.Expr, n, again)
			}
		})
	}
}
