// SPDX-License-Identifier: Apache-2.0

package man

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
)

var page = Page{Version: "1.2.3", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

// rendered returns a page as man shows it, and fails for every warning.
func rendered(t *testing.T, name string, text []byte) string {
	t.Helper()
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("needs man (man-db)")
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("man", "-l", "--warnings", "-EUTF-8", "-Tutf8", "-Z", file)
	c.Env = append(os.Environ(), "MANROFFSEQ=", "LC_ALL=C.UTF-8", "MANWIDTH=100")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("man: %v\n%s", err, stderr.Bytes())
	}
	c = exec.Command("man", "-l", "-EUTF-8", "-Pcat", file)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=100", "MAN_KEEP_FORMATTING=")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestThePageOfTheCommandNamesEverythingOnce(t *testing.T) {
	text := rendered(t, "tiercel.1", page.Commands())
	for _, want := range []string{"NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXIT STATUS", "FILES", "EXAMPLES", "SEE ALSO", "Tiercel 1.2.3", "2026-01-02",
		"-c, --config file", "--list[=source]", "engine.kind=modern_ebpf"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	current, old := cmdline.AgentFlags()
	for _, fs := range []*pflag.FlagSet{current, old} {
		fs.VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(text, "--"+f.Name) {
				t.Errorf("the page lacks --%s", f.Name)
			}
		})
	}
	if len(leaves(cmdline.Tree())) < 10 {
		t.Fatal("there are no commands")
	}
	for _, c := range leaves(cmdline.Tree()) {
		if n := strings.Count(text, "\n   "+c.CommandPath()+" "); n != 1 && !strings.Contains(text, "\n   "+c.CommandPath()+"\n") {
			t.Errorf("%s has %d headings", c.CommandPath(), n)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(text, "--"+f.Name) {
				t.Errorf("%s: the page lacks --%s", c.CommandPath(), f.Name)
			}
		})
	}
	if strings.Contains(text, "no-help") || strings.Contains(text, "`") {
		t.Error("the page shows what is not meant for readers")
	}
}

func TestThePageOfTheConfigurationNamesEveryKey(t *testing.T) {
	text := rendered(t, "tiercel.yaml.5", page.Configuration())
	for i := range config.Keys {
		if k := &config.Keys[i]; !k.Hidden() && !strings.Contains(text, k.Path+" (") {
			t.Errorf("the page lacks %s", k.Path)
		}
	}
	text = strings.Join(strings.Fields(text), " ") // lines are broken anywhere
	for _, want := range []string{"engine.kind (text, default auto)", "Values may hold ${NAME}"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestTextsAreNeverMacros(t *testing.T) {
	for text, want := range map[string]string{".SH x": `\&.SH x`, "'x": `\&'x`, `a\b`: `a\eb`, "--list": `\-\-list`, "plain": "plain"} {
		if got := escape(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}
