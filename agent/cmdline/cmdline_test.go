// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorsAreInTheKnownWords(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--frobnicate"}, "Option 'frobnicate' does not exist"},
		{[]string{"-Z"}, "Option 'Z' does not exist"},
		{[]string{"-LZ"}, "Option 'Z' does not exist"},
		{[]string{"-c"}, "Option 'c' is missing an argument"},
		{[]string{"--option"}, "Option 'option' is missing an argument"},
		{[]string{"-M", "abc"}, "Argument 'abc' failed to parse"},
		{[]string{"--format", "xml"}, "Invalid format 'xml'. Valid values are: text, markdown, json"},
		{[]string{"--format", "text", "--markdown"}, "Cannot specify both --markdown and --format options together"},
		{[]string{"-t", "a", "-D", "b"}, "You can not mix -t with -T or -D"},
	} {
		_, err := Parse(c.args)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.args, err, c.want)
		}
	}
}

func TestFlagsBecomeSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"-A", []string{"-A"}, []string{"base_syscalls.all=true"}},
		{"driver", []string{"--driver", "kmod"}, []string{"engine.kind=kmod"}},
		{"-o wins over flags", []string{"-o", "a=1,2", "-oa=2", "-A"}, []string{"base_syscalls.all=true", "a=1,2", "a=2"}},
		{"-U", []string{"-U"}, []string{"buffered_outputs=false"}},
		{"replay of 0.35", []string{"-e", "f.scap"}, []string{"engine.kind=replay", "engine.replay.capture_file=f.scap"}},
		{"modern probe of 0.35", []string{"--modern-bpf"}, []string{"engine.kind=modern_ebpf"}},
		{"base64 of 0.35", []string{"-b"}, []string{"buffer_format_base64=true"}},
		{"only these tags", []string{"-t", "a", "-t", "b"},
			[]string{"rules[].disable.rule=*", "rules[].enable.tag=a", "rules[].enable.tag=b"}},
		{"not these", []string{"-D", "shell", "-T", "net"}, []string{"rules[].disable.rule=*shell*", "rules[].disable.tag=net"}},
		{"stats of 0.35", []string{"-s", "f", "--stats-interval", "200"},
			[]string{"metrics.enabled=true", "metrics.output_file=f", "metrics.interval=200ms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Parse(c.args)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, o.Overrides); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOptionalAndRepeatedValues(t *testing.T) {
	o, err := Parse([]string{"--list", "-r", "a,b", "-r", "c", "positional", "-V", "x", "--format", "JSON"})
	if err != nil {
		t.Fatal(err)
	}
	if !o.List || o.ListSource != "" || o.Format != "json" {
		t.Errorf("list %v source %q format %q", o.List, o.ListSource, o.Format)
	}
	if d := cmp.Diff([]string{"a,b", "c"}, o.Rules); d != "" {
		t.Error(d)
	}
	if o, err = Parse([]string{"--list=syscall"}); err != nil || o.ListSource != "syscall" {
		t.Errorf("--list=syscall: %+v, %v", o, err)
	}
}

func TestHelpIsAStepAndNotAnEnd(t *testing.T) {
	o, err := Parse([]string{"-h", "-c", "x.yaml"})
	if err != nil || !o.Help || o.ConfigFile != "x.yaml" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var b bytes.Buffer
	WriteHelp(&b)
	for _, want := range []string{"Usage:", "tiercel [OPTION...]", "--config-schema", "--list-events", "-A,", "--driver", "--modern-bpf", "-U,"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("help lacks %q", want)
		}
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if len(line) > 140 {
			t.Errorf("line of %d columns: %s", len(line), line)
		}
	}
}
