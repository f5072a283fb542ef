// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// TestScripts runs the texts in testdata; each explains itself.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cat := newCatalog()
		var wanted string // of the condition on the next line
		for i, line := range strings.Split(string(text), "\n") {
			name := fmt.Sprintf("%s:%d", filepath.Base(path), i+1)
			verb, rest, _ := strings.Cut(line, " ")
			switch verb {
			case "", "#":
			case "event":
				cat.clear()
				for _, pair := range strings.Fields(rest) {
					field, value, _ := strings.Cut(pair, "=")
					cat.set(t, field, value)
				}
			case "yes", "no":
				t.Run(name, func(t *testing.T) { evalLine(t, cat, strings.TrimSpace(rest), verb == "yes") })
			case "error", "warning":
				wanted = line
			case "-":
				t.Run(name, func(t *testing.T) { compileLine(t, cat, rest, wanted) })
			default:
				t.Fatalf("%s: %q is no verb", name, verb)
			}
		}
	}
}

func parse(t testing.TB, cond string) filter.Node {
	t.Helper()
	n, err := filter.Parse(cond)
	if err != nil {
		t.Fatalf("%s: %v", cond, err)
	}
	return n
}

func evalLine(t *testing.T, cat *catalog, cond string, want bool) {
	n := parse(t, cond)
	c, _, err := program.Compile(cat, n)
	if err != nil {
		t.Fatalf("%s: %v", cond, err)
	}
	if got := c.Eval(nil); got != want {
		t.Errorf("%s is %v", cond, got)
	}
	if got := c.Eval(nil); got != want {
		t.Errorf("%s is %v when asked again", cond, got)
	}
}

func compileLine(t *testing.T, cat *catalog, cond, want string) {
	_, warnings, err := program.Compile(cat, parse(t, cond))
	got := "warning"
	for _, w := range warnings {
		got += " " + w.Msg
	}
	if err != nil {
		got = "error " + strings.ReplaceAll(err.Error(), "filter error: ", "")
	}
	if got != want {
		t.Errorf("%s\n got %s\nwant %s", cond, got, want)
	}
}
