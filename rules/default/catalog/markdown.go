// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"strings"
)

// What Markdown makes stands between these lines of the page.
const (
	Begin = "<!-- Made from rules/default by `make generate`: change the rules, not this. -->"
	End   = "<!-- End of what is made from rules/default. -->"
)

// Markdown is the catalogue as a page shows it: a table and a section for
// each rule, by tactic.
func Markdown(tactics []Tactic) string {
	var b strings.Builder
	total := 0
	for _, t := range tactics {
		total += len(t.Rules)
	}
	fmt.Fprintf(&b, "%d rules in %d files:\n\n| file | rules | what it is about |\n|---|---|---|\n", total, len(tactics))
	for _, t := range tactics {
		fmt.Fprintf(&b, "| [%s](../rules/default/%s) | %d | %s |\n", t.File, t.File, len(t.Rules), t.Title)
	}
	for _, t := range tactics {
		t.markdown(&b)
	}
	return b.String()
}

func (t *Tactic) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", t.Title)
	if t.Header != "" {
		fmt.Fprintf(b, "%s\n\n", t.Header)
	}
	fmt.Fprint(b, "| rule | priority | technique |\n|---|---|---|\n")
	for _, r := range t.Rules {
		fmt.Fprintf(b, "| %s | %s | %s |\n", r.Name, priority(r), strings.Join(r.Techniques, ", "))
	}
	for _, r := range t.Rules {
		fmt.Fprintf(b, "\n### %s\n\n%s\n\n", r.Name, r.Purpose)
		if !r.Enabled {
			fmt.Fprint(b, "- **Off** unless you enable it.\n")
		}
		fmt.Fprintf(b, "- Priority %s; %s\n", priority(r), strings.Join(links(r.Techniques), ", "))
		fmt.Fprintf(b, "- False positives: %s\n", r.FalsePositives)
		fmt.Fprintf(b, "- Tune: %s\n", codes(r.Tune))
		fmt.Fprintf(b, "- Provoke: %s; stays silent: %s\n", codes(r.Provoke), codes(r.NearMiss))
	}
}

func priority(r Rule) string { return strings.ToUpper(r.Priority.String()) }

// links name techniques with their pages.
func links(techniques []string) []string {
	var out []string
	for _, t := range techniques {
		out = append(out, fmt.Sprintf("[%s](https://attack.mitre.org/techniques/%s/)", t, strings.Replace(t, ".", "/", 1)))
	}
	return out
}

func codes(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, "`"+n+"`")
	}
	return strings.Join(out, ", ")
}

// Put puts the catalogue into a page, between the lines Begin and End.
func Put(page, catalogue string) (string, error) {
	before, rest, ok := strings.Cut(page, Begin)
	_, after, ok2 := strings.Cut(rest, End)
	if !ok || !ok2 {
		return "", fmt.Errorf("the page lacks the line %q or %q", Begin, End)
	}
	return before + Begin + "\n\n" + catalogue + "\n" + End + after, nil
}
