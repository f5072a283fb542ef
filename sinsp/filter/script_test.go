// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
)

// step is one condition of a script with what is expected of it.
//
// A script is a text in which a line that starts with "> " is a condition
// (after "go:" written as a Go string), and the lines below it say what
// becomes of it:
//
//	text TEXT        it parses, and this is what it prints as
//	reference TEXT   the reference prints it so (when that is another text)
//	tree TREE        how it is put together
//	error L:C MSG    it does not parse
//	hint TEXT        what the error says besides, for its author
type step struct {
	line int
	cond string
	want [][2]string
}

func readScript(t *testing.T, path string) []step {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []step
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "> "):
			cond := line[2:]
			if quoted, ok := strings.CutPrefix(cond, "go:"); ok {
				if cond, err = strconv.Unquote(quoted); err != nil {
					t.Fatalf("%s:%d: %v", path, n, err)
				}
			}
			steps = append(steps, step{line: n, cond: cond})
		default:
			verb, rest, _ := strings.Cut(line, " ")
			last := &steps[len(steps)-1]
			last.want = append(last.want, [2]string{verb, rest})
		}
	}
	return steps
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, path := range files {
		for _, s := range readScript(t, path) {
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(path), s.line), func(t *testing.T) { s.run(t) })
		}
	}
}

func (s step) run(t *testing.T) {
	n, err := filter.Parse(s.cond)
	if len(s.want) == 0 {
		t.Fatal("nothing is expected")
	}
	for _, w := range s.want {
		if w[0] == "error" || w[0] == "hint" {
			var e *filter.Error
			if !errors.As(err, &e) {
				t.Fatalf("%q: error %v, want %s", s.cond, err, w[1])
			}
			got := fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
			if w[0] == "hint" {
				got = e.Hint
			}
			if got != w[1] {
				t.Errorf("%q:\n got %s\nwant %s", s.cond, got, w[1])
			}
			continue
		}
		if err != nil {
			t.Fatalf("%q: %v", s.cond, err)
		}
		got := map[string]func(filter.Node) string{
			"text": filter.Node.String, "reference": filter.Canonical, "tree": tree,
		}[w[0]](n)
		if got != w[1] {
			t.Errorf("%q: %s\n got %s\nwant %s", s.cond, w[0], got, w[1])
		}
	}
	if err == nil {
		again, err := filter.Parse(n.String())
		if err != nil || tree(again) != tree(n) {
			t.Errorf("%q prints as %q, which parses back as %v (%v)", s.cond, n, again, err)
		}
	}
}

// tree shows the nodes of a tree without their positions.
func tree(n filter.Node) string {
	all := func(list []filter.Node) string {
		var b strings.Builder
		for _, m := range list {
			b.WriteString(" " + tree(m))
		}
		return b.String()
	}
	bracket := func(arg string, has bool) string {
		if !has {
			return ""
		}
		return fmt.Sprintf("[%q]", arg)
	}
	switch n := n.(type) {
	case *filter.And:
		return "(and" + all(n.Operands) + ")"
	case *filter.Or:
		return "(or" + all(n.Operands) + ")"
	case *filter.Not:
		return "(not " + tree(n.Operand) + ")"
	case *filter.Identifier:
		return "macro:" + n.Name
	case *filter.Unary:
		return "(" + n.Op + " " + tree(n.Left) + ")"
	case *filter.Binary:
		return "(" + strings.TrimSpace(n.Op+" "+n.Modifier) + " " + tree(n.Left) + " " + tree(n.Right) + ")"
	case *filter.Field:
		name := n.Name
		if n.InVal {
			name = "val:" + name
		}
		return name + bracket(n.Arg, n.HasArg)
	case *filter.Transform:
		return "(" + n.Name + bracket(n.Arg, n.HasArg) + all(n.Args) + ")"
	case *filter.Value:
		return strconv.Quote(n.Text)
	case *filter.List:
		if n.Placeholder {
			return "list:" + n.Elems[0].(*filter.Value).Text
		}
		return "(list" + all(n.Elems) + ")"
	}
	return fmt.Sprintf("?%T", n)
}
