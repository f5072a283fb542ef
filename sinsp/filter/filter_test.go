// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
)

func parse(t testing.TB, text string) filter.Node {
	t.Helper()
	n, err := filter.Parse(text)
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return n
}

func TestParseFieldTakesTheLongestStart(t *testing.T) {
	for _, c := range []struct {
		text, field string
		length      int
	}{
		{"proc.name", "proc.name", 9},
		{"proc.name.", "proc.name", 9},
		{"proc.name[", "proc.name", 9},
		{"proc.name[a b] x", "proc.name", 9},
		{"proc.aname[2]]", "proc.aname[2]", 13},
		{`proc.env["A B"]!`, `proc.env["A B"]`, 15},
		{"tolower(proc.name) ran", "tolower(proc.name)", 18},
		{"join(-,(a.b))", "", 0},
		{"getopt(a.b,'x:')[x]y", `getopt(a.b,"x:")[x]`, 19},
		{"proc name", "", 0},
		{"", "", 0},
	} {
		n, length, err := filter.ParseField(c.text)
		if c.length == 0 {
			if err == nil {
				t.Errorf("%q: got %v, want an error", c.text, n)
			}
			continue
		}
		if err != nil || n.String() != c.field || length != c.length {
			t.Errorf("%q: got %v, %d, %v; want %s, %d", c.text, n, length, err, c.field, c.length)
		}
	}
}

func TestParsePrefixStopsAtWhatCannotContinue(t *testing.T) {
	n, length, err := filter.ParsePrefix("m1 and m2 ; m3")
	if err != nil || n.String() != "(m1 and m2)" || length != 10 {
		t.Errorf("got %v, %d, %v", n, length, err)
	}
}

func TestPositionsPointIntoTheText(t *testing.T) {
	text := "m1 and\n not fd.name in\n (a, \"b\") or x.y = val(z.z)"
	want := []string{
		"1:1 (", "1:1 (", "1:1 m1", "2:2 not", "2:6 fd.name", "2:6 fd.name", "3:2 (", "3:3 a", "3:6 b",
		"3:14 x.y", "3:14 x.y", "3:20 val(",
	}
	filter.Inspect(parse(t, text), func(n filter.Node) bool {
		p := n.Pos()
		line := strings.Split(text, "\n")[p.Line-1]
		if got := text[p.Offset:]; !strings.HasPrefix(got, line[p.Col-1:]) {
			t.Errorf("%s at %+v: offset and column disagree", n, p)
		}
		if len(want) == 0 || !strings.HasPrefix(n.String(), strings.SplitN(want[0], " ", 2)[1]) &&
			!strings.HasPrefix(n.String(), `"`) {
			t.Errorf("unexpected node %s", n)
		} else if pos := strings.SplitN(want[0], " ", 2)[0]; pos != strings.Split((&filter.Error{Pos: p}).Error(), ": ")[0] {
			t.Errorf("%s is at %d:%d, want %s", n, p.Line, p.Col, pos)
		}
		want = want[1:]
		return true
	})
}

func TestRewriteReplacesMacrosAndSharesTheRest(t *testing.T) {
	n := parse(t, "m1 and not (m2 or tolower(a.b) in (x, y)) and c.d = val(e.f)")
	before := n.String()
	got, err := filter.Rewrite(n, func(n filter.Node) (filter.Node, error) {
		if id, ok := n.(*filter.Identifier); ok && id.Name == "m2" {
			return parse(t, "p.q exists and r.s = 1"), nil
		}
		return n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "(m1 and not ((p.q exists and r.s = 1) or tolower(a.b) in (x, y)) and c.d = val(e.f))"
	if got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n.String() != before {
		t.Errorf("the old tree changed to %s", n)
	}
	if got.(*filter.And).Operands[2] != n.(*filter.And).Operands[2] {
		t.Error("an unchanged operand was copied")
	}
}

func TestRewriteStopsAtAnError(t *testing.T) {
	stop := errors.New("no such macro")
	for _, text := range []string{"m1 and m2", "m1 or x.y = 1", "not m1", "x.y in (m1)", "len(x.y) exists or m1"} {
		_, err := filter.Rewrite(parse(t, text), func(n filter.Node) (filter.Node, error) {
			switch n.(type) {
			case *filter.Identifier, *filter.Value:
				return nil, stop
			}
			return n, nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestRewriteReachesEveryNode(t *testing.T) {
	n := parse(t, "a.b exists or join('+', (c.d, len(e.f))) = val(g.h) or i.j in (k)")
	got, err := filter.Rewrite(n, func(n filter.Node) (filter.Node, error) {
		if f, ok := n.(*filter.Field); ok {
			c := *f
			c.Name = strings.ToUpper(f.Name)
			return &c, nil
		}
		if v, ok := n.(*filter.Value); ok {
			return &filter.Value{At: v.At, Text: v.Text + "2", Quoted: true}, nil
		}
		return n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := `(A.B exists or join(+2,(C.D,len(E.F))) = val(G.H) or I.J in (k2))`; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDeepNestingIsRefusedNotFatal(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 1e6),
		strings.Repeat("not (", 1e5),
		strings.Repeat("tolower(", 1e5),
		"a.b = " + strings.Repeat("tolower(", 1e5),
		strings.Repeat("m or (", 1e5),
	} {
		if _, err := filter.Parse(text, filter.MaxDepth(1000)); err == nil {
			t.Errorf("%.20q... was accepted", text)
		}
	}
	if _, err := filter.Parse(strings.Repeat("not ", 1e5) + "m"); err != nil {
		t.Errorf("a row of nots is not deep: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"m1 and not (m2 or a.b = 1)", `a.b[x] = "q\x41"`, "join(',', (a.b, 5)) in (x, 'y z')", "a.b > -1.5e+3",
		"proc.name = oneof (a, \"\")", "tolower(a.b) = val(c.d)", `x.y = a\`, "getopt(a.b, 'x:')[\"]\"] exists", "not not m",
		"not (not m)", `a.b = "\\\""`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := filter.Parse(text)
		if err != nil {
			var e *filter.Error
			if !errors.As(err, &e) || e.Pos.Offset > len(text) || e.Pos.Line < 1 || e.Pos.Col < 1 {
				t.Fatalf("%q: bad error %#v", text, err)
			}
			return
		}
		filter.Canonical(n)
		again, err := filter.Parse(n.String(), filter.MaxDepth(1000))
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, n, err)
		}
		if tree(again) != tree(n) {
			t.Fatalf("%q prints as %q, a different tree:\n%s\n%s", text, n, tree(n), tree(again))
		}
	})
}

func FuzzParseField(f *testing.F) {
	f.Add("proc.name[1] x")
	f.Add("tolower(a.b)")
	f.Fuzz(func(t *testing.T, text string) {
		n, length, err := filter.ParseField(text)
		if err != nil {
			return
		}
		if length <= 0 || length > len(text) {
			t.Fatalf("%q: length %d", text, length)
		}
		again, all, err := filter.ParseField(n.String())
		if err != nil || all != len(n.String()) || tree(again) != tree(n) {
			t.Fatalf("%q: %q parses back as %v, %d, %v", text, n, again, all, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const text = "evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name startswith /etc and not proc.name in (a, b)"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := filter.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
