// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/rules/default/catalog"
)

const root = "../../"

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pages are all Markdown files of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "drivers/schema/*.md"} {
		found, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(f), root))
		}
	}
	if len(names) < 5 {
		t.Fatalf("found only %v", names)
	}
	return names
}

func TestRulesPageIsMadeFromTheDefaultRules(t *testing.T) {
	tactics, _, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/rules.md")
	made, err := catalog.Put(page, catalog.Markdown(tactics))
	if err != nil {
		t.Fatal(err)
	}
	if made != page {
		t.Error("docs/rules.md is not what the rules say: run go generate ./rules/default")
	}
}

func TestRuleExamplesLoadBehindTheDefaultRules(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	seen := 0
	for _, name := range pages(t) {
		for i, m := range block.FindAllStringSubmatch(read(t, name), -1) {
			if !regexp.MustCompile(`(?m)^- (rule|macro|list):`).MatchString(m[1]) {
				continue
			}
			seen++
			set, report := rules.Load([]rules.File{
				{Name: defaultrules.FileName, Content: defaultrules.Content()},
				{Name: name, Content: []byte(m[1])},
			}, rules.Options{})
			if set == nil {
				for _, f := range report.Files {
					t.Errorf("%s: example %d: %s", name, i+1, f.Text())
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no example found: the test looks in the wrong place")
	}
}

func TestNamedMakeTargetsExist(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	for _, name := range pages(t) {
		for _, m := range regexp.MustCompile("(?m)(?:^    |`)make ([a-z0-9-]+)").FindAllStringSubmatch(read(t, name), -1) {
			if !targets[m[1]] {
				t.Errorf("%s names `make %s`, which the Makefile lacks", name, m[1])
			}
		}
	}
}

func TestCommandLinesInThePagesAreAccepted(t *testing.T) {
	seen := 0
	for _, name := range pages(t) {
		for _, m := range regexp.MustCompile(`(?m)^    tiercel((?: [^ #>\n]+)*)`).FindAllStringSubmatch(read(t, name), -1) {
			seen++
			args := strings.Fields(m[1])
			if len(args) > 2 && args[0] == "capture" {
				checkFlags(t, name, args)
				continue
			}
			if _, err := cmdline.Parse(args); err != nil {
				t.Errorf("%s: tiercel%s: %v", name, m[1], err)
			}
		}
	}
	if seen < 5 {
		t.Errorf("found only %d command lines: the test looks in the wrong place", seen)
	}
}

// checkFlags wants every flag of a capture command in the command's help.
func checkFlags(t *testing.T, page string, args []string) {
	t.Helper()
	help, err := exec.Command(agentBinary(t), args[0], args[1], "--help").CombinedOutput()
	if err != nil {
		t.Errorf("%s: tiercel %s %s --help: %v\n%s", page, args[0], args[1], err, help)
	}
	for _, a := range args[2:] {
		if strings.HasPrefix(a, "-") && !regexp.MustCompile(`(?m)^ +(-., )?`+regexp.QuoteMeta(a)+`\b`).Match(help) {
			t.Errorf("%s: tiercel %s has no flag %s", page, strings.Join(args[:2], " "), a)
		}
	}
}

// built is the folder of the agent's binary, shared by all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func agentBinary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "tiercel-docs-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", built.dir+"/tiercel", "github.com/tiercel/tiercel/agent/cmd/tiercel")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir + "/tiercel"
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// TestCountsOnTheSelectionPage compares the page's numbers with dry runs.
func TestCountsOnTheSelectionPage(t *testing.T) {
	page := read(t, "docs/selection.md")
	dir := t.TempDir()
	bin := agentBinary(t)
	dryRun := func(args ...string) string {
		args = append(args, "--dry-run", "-o", "log_level=debug", "-o", "log_stderr=true", "-o", "log_syslog=false")
		out, err := exec.Command(bin, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	steps := regexp.MustCompile(`(?m)\+?\([0-9]+\) syscalls[^:]*: [a-z0-9_]+, [a-z0-9_]+`)
	sample := steps.FindAllString(page, -1)
	if len(sample) != 3 {
		t.Fatalf("the page's sample has %d steps", len(sample))
	}
	builtIn := filepath.Join(root, "rules/default")
	for _, step := range sample {
		if out := dryRun("-r", builtIn); !strings.Contains(out, step) {
			t.Errorf("the page shows %q, the agent says\n%s", step, strings.Join(steps.FindAllString(out, -1), "\n"))
		}
	}

	example := regexp.MustCompile("(?s)## Example\n\n```yaml\n(.*?)```").FindStringSubmatch(page)
	rows := regexp.MustCompile("(?m)^\\| (nothing else|`[^`]+`) \\| ([0-9]+): ").FindAllStringSubmatch(page, -1)
	if example == nil || len(rows) != 3 {
		t.Fatalf("example or its table not found (%d rows)", len(rows))
	}
	file := filepath.Join(dir, "example.yaml")
	if err := os.WriteFile(file, []byte(example[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		args := []string{"-r", file}
		if row[1] != "nothing else" {
			args = append(args, strings.Fields(strings.Trim(row[1], "`"))...)
		}
		if out := dryRun(args...); !strings.Contains(out, "("+row[2]+") syscalls selected in total") {
			t.Errorf("%s: the page says %s, the agent says\n%s", row[1], row[2], strings.Join(steps.FindAllString(out, -1), "\n"))
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}

// yamlBlocks calls f with every fenced example of the pages.
func yamlBlocks(t *testing.T, f func(page string, n int, text string)) {
	t.Helper()
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, name := range pages(t) {
		for i, m := range block.FindAllStringSubmatch(read(t, name), -1) {
			f(name, i+1, m[1])
		}
	}
}

// Examples that are neither rules nor tests of rules are configurations: each
// key exists and each value is allowed.
func TestConfigurationExamplesAreAccepted(t *testing.T) {
	seen := 0
	yamlBlocks(t, func(page string, n int, text string) {
		if !strings.HasPrefix(page, "docs/") || regexp.MustCompile(`(?m)^(- (rule|macro|list)|tests):`).MatchString(text) {
			return
		}
		seen++
		file := filepath.Join(t.TempDir(), "tiercel.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Source{File: file, Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Errorf("%s: example %d: %v", page, n, err)
			return
		}
		for _, r := range c.Reports {
			if r.Status != "ok" {
				t.Errorf("%s: example %d: %s", page, n, r.Reason)
			}
		}
		for _, w := range c.Warnings {
			if !strings.Contains(w, "/etc/tiercel/") { // files that an example names and this machine lacks
				t.Errorf("%s: example %d: %s", page, n, w)
			}
		}
	})
	if seen < 5 {
		t.Errorf("found only %d examples", seen)
	}
}

func TestExamplesOfRuleTestsPass(t *testing.T) {
	seen := 0
	yamlBlocks(t, func(page string, n int, text string) {
		if !strings.Contains(text, "\ntests:") {
			return
		}
		seen++
		file := filepath.Join(t.TempDir(), "example_test.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(agentBinary(t), "rules", "test", file).CombinedOutput(); err != nil {
			t.Errorf("%s: example %d: %v\n%s", page, n, err, out)
		}
	})
	if seen == 0 {
		t.Error("no example found")
	}
}
