// SPDX-License-Identifier: Apache-2.0

package evtset_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/evtset"
	"github.com/tiercel/tiercel/sinsp/filter"
)

func TestScript(t *testing.T) {
	text, err := os.ReadFile("testdata/conditions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cond string
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		if c, ok := strings.CutPrefix(line, "> "); ok {
			cond = c
			continue
		}
		t.Run(fmt.Sprintf("line %d", i+1), func(t *testing.T) { expect(t, cond, line) })
	}
}

func expect(t *testing.T, cond, want string) {
	n, err := filter.Parse(cond)
	if err != nil {
		t.Fatal(err)
	}
	r, err := evtset.Analyze(n)
	verb, _, _ := strings.Cut(want, " ")
	var got string
	switch {
	case verb == "error":
		got = fmt.Sprintf("error %v", err)
	case err != nil:
		t.Fatalf("%s: %v", cond, err)
	case verb == "enter":
		got = strings.Join(append([]string{"enter"}, r.Enter.Names()...), " ")
	case verb == "unknown":
		got = "unknown"
		for _, u := range r.Unknown {
			got += " " + u.Name
			if !strings.HasPrefix(cond[u.Pos.Offset:], u.Name) {
				t.Errorf("%s: %s is not at %d", cond, u.Name, u.Pos.Offset)
			}
		}
	default:
		kind := strings.TrimPrefix(r.Kind.String(), "all_")
		got = strings.Join(append([]string{kind}, r.Names...), " ")
	}
	if got != want {
		t.Errorf("%s\n got %s\nwant %s", cond, got, want)
	}
}
