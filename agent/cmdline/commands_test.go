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
		{"that builds", []string{"driver", "build", "kmod", "--force"}, DriverBuild},
		{"that loads", []string{"driver", "load", "kmod"}, DriverLoad},
		{"that unloads", []string{"driver", "unload", "kmod"}, DriverUnload},
		{"that sets the driver of the service", []string{"driver", "set", "auto", "--force"}, DriverSet},
		{"that tells of drivers", []string{"driver", "status", "-j"}, DriverStatus},
		{"that asks how the agent is", []string{"health", "--timeout", "1s", "-c", "x.yaml"}, Health},
		{"another word is ignored", []string{"watch", "-A"}, RunAgent},
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

func TestDriverOptions(t *testing.T) {
	o, err := Parse(strings.Fields("driver build --kernel 6.1 --headers /h kmod -o x.ko -fv"))
	if err != nil {
		t.Fatal(err)
	}
	want := DriverWork{Kind: "kmod", Release: "6.1", Headers: "/h", File: "x.ko", Force: true, Verbose: true}
	if d := cmp.Diff(want, o.Driver); d != "" {
		t.Error(d)
	}
	if o, err = Parse(strings.Fields("driver build bpf --btf /v")); err != nil || o.Driver.BTF != "/v" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err = Parse(strings.Fields("driver build kmod --btf /v")); err == nil || !strings.Contains(err.Error(), "--btf is for bpf") {
		t.Error(err)
	}
	if o, err = Parse(strings.Fields("driver load --build kmod")); err != nil || !o.Driver.Build || o.Driver.Kind != "kmod" {
		t.Errorf("%+v, %v", o, err)
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
		{"driver build", "driver build needs the name of one driver, kmod or bpf; see tiercel driver build --help"},
		{"driver unload kmod bpf", "driver unload needs the name of one driver, kmod or bpf; see tiercel driver unload --help"},
		{"driver build floppy", "driver build: there is no driver 'floppy'; there are kmod and bpf"},
		{"driver set", "driver set needs the name of one driver, auto, modern_bpf, kmod or bpf; see tiercel driver set --help"},
		{"driver set floppy", "driver set: there is no driver 'floppy'; there are auto, modern_bpf, kmod or bpf"},
		{"driver status kmod", "driver status takes no argument, but there is 'kmod'"},
		{"health now", "health takes no argument, but there is 'now'"},
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
		{"driver build -h", "--kernel release"},
		{"health -h", "--timeout time"},
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

func TestWorkCommands(t *testing.T) {
	for _, c := range []struct {
		args string
		cmd  Command
		want Work
		sets []string
	}{
		{"rules check a.yaml d --strict -j", RulesCheck, Work{Files: []string{"a.yaml", "d"}, Strict: true, JSON: true}, nil},
		{"rules test d --run shell -v -o a=b", RulesTest, Work{Files: []string{"d"}, Run: "shell", Verbose: true}, []string{"a=b"}},
		{"rules profile -e f.scap -n 5", RulesProfile, Work{Files: []string{}, Capture: "f.scap", Top: 5}, nil},
		{"rules profile --driver kmod -d 3s r", RulesProfile, Work{Files: []string{"r"}, Duration: 3 * time.Second}, []string{"engine.kind=kmod"}},
		{"rules explain-plan --event open --event close --rule x", RulesExplainPlan, Work{Files: []string{}, Events: []string{"open", "close"}, RuleNames: []string{"x"}}, nil},
		{"syscalls explain open --on -A -o a=b", SyscallsExplain, Work{Files: []string{"open"}, OnlyOn: true}, []string{"base_syscalls.all=true", "a=b"}},
		{"syscalls diff a b --exit-code --json", SyscallsDiff, Work{Files: []string{"a", "b"}, ExitCode: true, JSON: true}, nil},
	} {
		o, err := Parse(strings.Fields(c.args))
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if c.cmd == RulesProfile && c.want.Duration == 0 {
			c.want.Duration = 10 * time.Second
		}
		if o.Command != c.cmd {
			t.Errorf("%s: command %q", c.args, o.Command)
		}
		if o.Command != RulesProfile {
			o.Work.Duration = 0
		}
		if d := cmp.Diff(c.want, o.Work); d != "" {
			t.Errorf("%s: %s", c.args, d)
		}
		if d := cmp.Diff(c.sets, o.Overrides); d != "" {
			t.Errorf("%s: %s", c.args, d)
		}
	}
}

func TestWorkErrors(t *testing.T) {
	for args, want := range map[string]string{
		"rules check":                "rules check needs a file; see tiercel rules check --help",
		"rules test":                 "rules test needs a file; see tiercel rules test --help",
		"rules chekc x":              "there is no command 'rules chekc'; see tiercel rules --help",
		"syscalls diff a":            "syscalls diff needs two files, but there are 1; see tiercel syscalls diff --help",
		"rules profile -d -3s":       "rules profile: a time cannot be negative",
		"rules profile --top -1":     "rules profile: --top cannot be negative",
		"rules check x --frobnicate": "Option 'frobnicate' does not exist",
	} {
		_, err := Parse(strings.Fields(args))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

func TestEveryCommandDocumentsItsExitStatus(t *testing.T) {
	for _, words := range []string{"rules check", "rules test", "rules profile", "rules explain-plan", "syscalls explain", "syscalls diff", "driver build", "driver load", "driver unload", "driver set"} {
		o, err := Parse(append(strings.Fields(words), "--help"))
		if err != nil || !strings.Contains(o.HelpText, "Exit status: 0") {
			t.Errorf("%s: %v\n%s", words, err, o.HelpText)
		}
		for _, line := range strings.Split(o.HelpText, "\n") {
			if len(line) > 140 {
				t.Errorf("%s: line of %d columns", words, len(line))
			}
		}
	}
}

func TestACommandBehindOptionsDoesNotStartTheAgent(t *testing.T) {
	_, err := Parse([]string{"-o", "json_output=true", "syscalls", "explain"})
	if err == nil || !strings.Contains(err.Error(), "tiercel syscalls explain") {
		t.Fatalf("%v, want an error that shows the right order", err)
	}
	if _, err := Parse([]string{"-o", "json_output=true", "nonsense"}); err != nil {
		t.Fatalf("other words are ignored, as in the reference: %v", err)
	}
}
