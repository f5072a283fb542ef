// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/filter"
)

var update = flag.Bool("update", false, "write what the scripts give instead of comparing")

// A script is a list of cases. Each begins with "== name", goes on with rules
// files ("-- name" and the text), and ends with "=>" and what comes of them:
// a line for each file, its errors and warnings with their place, then the
// rules with their conditions put together.
//
// Blank lines and lines that begin with # before the first file are comments.
type script struct {
	name    string
	comment string
	files   []File
	want    string
}

func parseScripts(t *testing.T, text string) []script {
	var out []script
	var cur *script
	var body *strings.Builder
	flush := func() {
		if cur != nil && body != nil && len(cur.files) > 0 {
			cur.files[len(cur.files)-1].Content = []byte(body.String())
		}
		body = nil
	}
	inWant := false
	for line := range strings.Lines(text) {
		rest, isCase := strings.CutPrefix(line, "== ")
		name, isFile := strings.CutPrefix(line, "-- ")
		switch {
		case isCase:
			flush()
			out = append(out, script{name: strings.TrimSpace(rest)})
			cur, inWant = &out[len(out)-1], false
		case cur == nil:
			if s := strings.TrimSpace(line); s != "" && s[0] != '#' {
				t.Fatalf("text before the first case: %q", line)
			}
		case isFile && !inWant:
			flush()
			cur.files = append(cur.files, File{Name: strings.TrimSpace(name)})
			body = &strings.Builder{}
		case line == "=>\n" && !inWant:
			flush()
			inWant = true
		case inWant:
			cur.want += line
		case body != nil:
			body.WriteString(line)
		default:
			cur.comment += line
		}
	}
	flush()
	for i := range out {
		out[i].want = strings.TrimSpace(out[i].want) + "\n"
	}
	return out
}

func (s *script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "== %s\n%s", s.name, s.comment)
	for _, f := range s.files {
		fmt.Fprintf(&b, "-- %s\n%s", f.Name, f.Content)
	}
	fmt.Fprintf(&b, "=>\n%s\n", s.want)
	return b.String()
}

// outcome prints what comes of loading the files.
func outcome(rs *Ruleset, rep *Report) string {
	var b strings.Builder
	for i := range rep.Files {
		f := &rep.Files[i]
		word := "ok"
		if !f.OK() {
			word = "invalid"
		}
		fmt.Fprintf(&b, "%s: %s", f.Name, word)
		if f.Schema == SchemaFailed {
			b.WriteString(", " + f.SchemaWarnings[0])
		}
		b.WriteByte('\n')
		printIssues(&b, "error", f.Errors)
		printIssues(&b, "warning", f.Warnings)
	}
	if rep.PluginError != "" {
		fmt.Fprintf(&b, "plugins: %s\n", rep.PluginError)
	}
	if rs == nil {
		return b.String()
	}
	for _, r := range rs.Rules() {
		state := "on"
		if !r.Enabled {
			state = "off"
		}
		fmt.Fprintf(&b, "rule %s (%s, %s, %s%s)\n", r.Name, r.Priority, r.Source, state, tagList(r.Tags))
		fmt.Fprintf(&b, "  if %s\n  do %s\n", filter.Canonical(r.Tree), r.Format)
	}
	return b.String()
}

func tagList(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return ", tags " + strings.Join(tags, " ")
}

func printIssues(b *strings.Builder, kind string, list []Issue) {
	for _, i := range list {
		last := i.Context.Locations[len(i.Context.Locations)-1]
		fmt.Fprintf(b, "  %s %s at %d:%d: %s\n", kind, i.Code, last.Position.Line, last.Position.Column, i.Message)
		var way []string
		for _, l := range i.Context.Locations[1:] {
			s := l.Type
			if l.Name != "" {
				s += " " + l.Name
			}
			way = append(way, s)
		}
		if len(way) > 0 {
			fmt.Fprintf(b, "    in %s\n", strings.Join(way, ", "))
		}
		if i.Hint != "" {
			fmt.Fprintf(b, "    hint: %s\n", i.Hint)
		}
	}
}

func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.script")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		scripts := parseScripts(t, string(text))
		head, _, _ := strings.Cut(string(text), "== ")
		for i := range scripts {
			s := &scripts[i]
			t.Run(filepath.Base(path)+"/"+s.name, func(t *testing.T) {
				got := outcome(Load(s.files, Options{Validate: true, Catalog: testCatalog(t)}))
				if *update {
					s.want = got
				} else if got != s.want {
					t.Errorf("got:\n%s\nwant:\n%s", got, s.want)
				}
			})
		}
		if *update {
			out := head
			for i := range scripts {
				out += scripts[i].String()
			}
			if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
