// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/tiercel/tiercel/sinsp/fields/fieldtest"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// The cases were measured on the reference; the project's own scripts in
// testdata cover the same ground.
func TestConformanceEval(t *testing.T) {
	f, err := os.Open("../../../shared/conformance/filter_eval.jsonl")
	if err != nil {
		t.Skip("no conformance cases here: ", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct {
			Name, Expr, Stage string
			Fields            map[string]any
			CompileOK         bool `json:"compile_ok"`
			Match             bool
			Warnings          int
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, func(t *testing.T) {
			n, err := filter.Parse(c.Expr)
			if (err != nil) != (c.Stage == "parse") {
				t.Fatalf("parse %q: %v", c.Expr, err)
			}
			if err != nil {
				return
			}
			cat, err := fieldtest.Mock(c.Fields)
			if err != nil {
				t.Fatal(err)
			}
			cond, warnings, err := program.Compile(cat, n)
			if (err == nil) != c.CompileOK {
				t.Fatalf("compile %q: error %v, want ok %v", c.Expr, err, c.CompileOK)
			}
			if err != nil {
				t.Log(err)
				return
			}
			if len(warnings) != c.Warnings {
				t.Errorf("%q: warnings %v, want %d", c.Expr, warnings, c.Warnings)
			}
			if got := cond.Eval(nil); got != c.Match {
				t.Errorf("%q with %v: %v, want %v", c.Expr, c.Fields, got, c.Match)
			}
		})
	}
}
