// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func names(words ...string) func() []string { return func() []string { return words } }

var someNames = &Names{
	Rules: names("Shell in a box", "Shadow read"), Fields: names("fd.name", "fd.num", "proc.name"), Events: names("open", "openat"),
	Syscalls: names("socket", "socketpair", "open"), Sources: names("syscall"), Keys: names("engine.kind", "priority"),
}

func TestCompletionOffersWhatCanStandThere(t *testing.T) {
	for _, c := range []struct {
		line string // the words so far; the last one is being typed
		want string // words and the shell's part: 4 no files, 8 files by their ends, 16 folders, 6 no space either
	}{
		{"dr", "driver :4"},
		{"driver s", "set status :4"},
		{"driver set ", "auto modern_bpf kmod bpf :4"},
		{"driver build k", "kmod :4"},
		{"driver build kmod ", ":4"},
		{"--driver mod", "modern_bpf :4"},
		{"-l Sha", "Shadow read :4"},
		{"--describe-rule=She", "Shell in a box :4"},
		{"-o eng", "engine.kind= :6"},
		{"--form", "--format :4"},
		{"--format ", "text markdown json :4"},
		{"--list=", "syscall :4"},
		{"syscalls explain sock", "socket socketpair :4"},
		{"rules check ", "yaml yml :8"},
		{"rules explain-plan --event opena", "openat :4"},
		{"syscalls explain --rule Shad", "Shadow read :4"},
		{"capture print ", "scap gz :8"},
		{"capture print a.scap fd.n", "fd.name fd.num :4"},
		{"capture info a.scap ", ":4"},
		{"driver build --headers ", ":16"},
		{"hel", ":4"},
		{"--nodr", ":4"},     // an old spelling is taken, not offered
		{"--wrong x ", ":0"}, // nothing; the shell offers files
	} {
		t.Run(c.line, func(t *testing.T) {
			got := Completions(append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(c.line, " ")...), someNames)
			if got = strings.Join(strings.FieldsFunc(got, func(r rune) bool { return r == '\n' }), " "); got != c.want {
				t.Errorf("offers %q, want %q", got, c.want)
			}
		})
	}
}

func TestCompletionSaysWhatWordsMean(t *testing.T) {
	got := Completions([]string{string(Complete), "rules", "check", "--str"}, someNames)
	if !strings.HasPrefix(got, "--strict\twarnings count as errors\n") {
		t.Errorf("%q", got)
	}
	got = Completions([]string{string(Complete), "--conf"}, someNames)
	if strings.Contains(got, "`") || !strings.Contains(got, "configuration file; ") {
		t.Errorf("%q", got)
	}
}

func TestCompletionKnowsOnlyWhatIsThere(t *testing.T) {
	flags := map[string]bool{}
	found := map[Command]bool{}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		found[Command(strings.TrimPrefix(c.CommandPath(), "tiercel "))] = true
		c.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(Tree())
	for name := range flagChoices {
		if !flags[name] {
			t.Errorf("there is no flag --%s", name)
		}
	}
	for name := range argumentChoices {
		if !found[name] {
			t.Errorf("there is no command %s", name)
		}
	}
}

func TestACompletionIsRecognisedByItsFirstWordOnly(t *testing.T) {
	for _, word := range []string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd} {
		o, err := Parse([]string{word, "rules", ""})
		if err != nil || o.Command != Complete || len(o.Words) != 3 {
			t.Errorf("%s: %+v, %v", word, o, err)
		}
	}
	if o, err := Parse([]string{"-v", cobra.ShellCompRequestCmd}); err != nil || o.Command != RunAgent {
		t.Errorf("%+v, %v", o, err)
	}
}

func FuzzCompletions(f *testing.F) {
	f.Add("rules check --strict ")
	f.Add("-o a=b --list= \x00")
	f.Fuzz(func(t *testing.T, line string) {
		Completions(append([]string{string(Complete)}, strings.Split(line, " ")...), someNames)
	})
}
