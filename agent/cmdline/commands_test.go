// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCommandsAreTheFirstWord(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want Command
	}{
		{"a command", []string{"capture", "info", "f"}, CaptureInfo},
		{"its options before the file", []string{"capture", "print", "-n", "3", "f"}, CapturePrint},
		{"its options behind the file", []string{"capture", "record", "f", "-z"}, CaptureRecord},
		{"of drivers", []string{"driver", "doctor", "--json"}, DriverDoctor},
		{"another word is ignored", []string{"watch", "-A"}, RunAgent},
		{"a command behind an option is such a word", []string{"-A", "capture", "info", "f"}, RunAgent},
		{"the value of an option", []string{"-r", "capture"}, RunAgent},
		{"nothing", nil, RunAgent},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Parse(c.args)
			if err != nil {
				t.Fatal(err)
			}
			if o.Command != c.want {
				t.Errorf("command %q, want %q", o.Command, c.want)
			}
		})
	}
}

func TestCaptureOptions(t *testing.T) {
	o, err := Parse([]string{"capture", "record", "-z", "--enter", "-C", "5", "-G", "2m", "-W", "3", "x.scap", "evt.type", "=", "open", "-n", "9", "-M", "1s"})
	if err != nil {
		t.Fatal(err)
	}
	want := Capture{
		File: "x.scap", Filter: "evt.type = open", Driver: "auto", Preset: 4, Enter: true, Compress: true, Count: 9,
		Duration: time.Second, FileBytes: 5 << 20, FileTime: 2 * time.Minute, MaxFiles: 3,
	}
	if d := cmp.Diff(want, o.Capture); d != "" {
		t.Error(d)
	}
}

func TestCommandErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"capture prnt x", "there is no command 'capture prnt'; see tiercel capture --help"},
		{"capture print", "capture print needs the name of a capture file; see tiercel capture print --help"},
		{"capture info a b", "capture info takes one file, but there is 'b' too"},
		{"capture record x --frob", "Option 'frob' does not exist"},
		{"capture record x -n", "Option 'n' is missing an argument"},
		{"capture record x -M never", "Argument 'never' failed to parse"},
		{"capture record x -M -1s", "capture record: a time cannot be negative"},
		{"capture record x -b 11", "capture record: --buffer-preset 11 is not between 1 and 10"},
		{"capture record x -s -1", "capture record: --snaplen -1 is not between 0 and 65000"},
		{"capture record x -W 2", "capture record: --files needs --file-size, --file-time or --file-events: without one of them there is one file only"},
		{"capture record x -C 99999999999", "capture record: --file-size 99999999999 is more than 1073741824 MiB"},
		{"driver doctor now", "driver doctor takes no argument, but there is 'now'"},
		{"-M -5", "Argument '-5' of -M failed to parse: a run cannot last less than no time"},
	} {
		_, err := Parse(strings.Fields(c.args))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.args, err, c.want)
		}
	}
}

func TestCommandsHaveHelp(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"capture", "tiercel capture record FILE [FILTER]"},
		{"capture --help", "tiercel capture print FILE [FILTER]"},
		{"capture record -h", "--file-size MiB"},
		{"capture print --help", "-p, --print format"},
		{"driver", "tiercel driver doctor"},
	} {
		o, err := Parse(strings.Fields(c.args))
		if err != nil {
			t.Fatal(err)
		}
		if o.Command == RunAgent || !o.Help || !strings.Contains(o.HelpText, c.want) {
			t.Errorf("%s: help %v of %q lacks %q: %s", c.args, o.Help, o.Command, c.want, o.HelpText)
		}
		for _, line := range strings.Split(o.HelpText, "\n") {
			if len(line) > 140 {
				t.Errorf("%s: line of %d columns: %s", c.args, len(line), line)
			}
		}
	}
}

func TestIgnoredOptionsSayWhy(t *testing.T) {
	o, err := Parse([]string{"-k", "http://x"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"--k8s-api is ignored: Kubernetes data needs a plugin"}, o.Warnings); d != "" {
		t.Error(d)
	}
}
