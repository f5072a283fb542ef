// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Work is what the commands about rules and system calls were asked for. The
// configuration that they work with is in ConfigFile, Overrides and Rules.
type Work struct {
	// Files are rules files or folders, of test also test files; of diff the
	// two files to compare.
	Files []string
	JSON  bool

	Strict bool // of check: warnings count as errors
	// Of test.
	Run string // part of the names of the tests to run
	// Verbose: test prints the alerts of passed tests, explain and diff all
	// reasons.
	Verbose bool
	// Of profile.
	Capture  string        // read events from this file, "": live
	Duration time.Duration // of a live profile
	Top      int           // print so many rules; 0: all
	// Of explain-plan, and of explain: parts of names, any of which is enough.
	Events    []string
	RuleNames []string
	// Of explain.
	OnlyOn bool
	// Of diff: exit with 1 when there is a difference.
	ExitCode bool
}

// isWork reports whether the command is one of those that Work is about.
func (c Command) isWork() bool {
	return strings.HasPrefix(string(c), "rules ") || strings.HasPrefix(string(c), "syscalls ")
}

// workFlags begins the flags of a command with those that all have.
func workFlags(o *Options, c *cobra.Command) *pflag.FlagSet {
	fs := c.Flags()
	fs.SortFlags = false
	fs.BoolVarP(&o.Work.JSON, "json", "j", false, "print JSON")
	return fs
}

// configFlags adds the flags that choose the configuration to work with.
func configFlags(o *Options, fs *pflag.FlagSet, rules bool) {
	fs.StringVarP(&o.ConfigFile, "config", "c", "", "configuration `file`, found as that of the agent")
	fs.StringArrayVarP(&o.set.overrides, "option", "o", nil, "set a configuration `key=value`; repeatable")
	if rules {
		fs.StringArrayVarP(&o.Rules, "rules", "r", nil, "rules `file` or folder, instead of those of the configuration; repeatable")
	}
}

func rulesCommand(o *Options) *cobra.Command {
	w := &o.Work
	check := leaf(o, RulesCheck, "check FILE...", "check rules files and say what could be better",
		"Checks rules files and folders in order, as -V does, and says what else is doubtful: misspelt names, rules\n"+
			"that can never fire, fields that the rule's events never have, what nothing uses.\n"+
			"Exit status: 0 nothing is wrong, 1 there are errors (with --strict: or warnings), 2 a file cannot be read.")
	fs := workFlags(o, check)
	fs.BoolVar(&w.Strict, "strict", false, "warnings count as errors")
	configFlags(o, fs, false)

	test := leaf(o, RulesTest, "test FILE...", "run the tests of rules",
		"Runs the tests in FILEs, or in the files of folders that end in _test.yaml: scripts of events or captures,\n"+
			"and the alerts that are expected of them. A test file names the rules that it is about; --rules overrides it.\n"+
			"Exit status: 0 all tests pass, 1 a test fails, 2 a test or its rules cannot be read.")
	fs = workFlags(o, test)
	fs.StringVar(&w.Run, "run", "", "run only tests whose name contains `text`")
	fs.BoolVarP(&w.Verbose, "verbose", "v", false, "print the alerts of tests that pass, too")
	configFlags(o, fs, true)

	profile := leaf(o, RulesProfile, "profile [FILE...]", "measure what each rule costs",
		"Runs rules over a capture or over the live events of this host, and says how often each was evaluated, how\n"+
			"often it matched and what it cost. FILEs are rules files or folders, instead of those of the configuration.\n"+
			"Exit status: 0, or 1 when it cannot run.")
	fs = workFlags(o, profile)
	fs.StringVarP(&w.Capture, "capture", "e", "", "read events from a capture `file` instead of this host")
	fs.DurationVarP(&w.Duration, "duration", "d", 10*time.Second, "how much `time` to look at the live events")
	fs.IntVarP(&w.Top, "top", "n", 0, "print the `number` of most expensive rules only (0: all)")
	fs.StringVar(&o.set.driver, "driver", "", "where live events come from: `auto`, modern_bpf, bpf, kmod")
	configFlags(o, fs, false)

	plan := leaf(o, RulesExplainPlan, "explain-plan [FILE...]", "show how rules are evaluated",
		"Shows, for each type of event, in which order which parts of conditions are evaluated and what rules share.\n"+
			"FILEs are rules files or folders, instead of those of the configuration.\n"+
			"Exit status: 0, or 1 when the rules do not load.")
	fs = workFlags(o, plan)
	fs.StringArrayVar(&w.Events, "event", nil, "only for the event `name`; repeatable")
	fs.StringArrayVar(&w.RuleNames, "rule", nil, "only for rules whose name contains `text`; repeatable")
	configFlags(o, fs, false)
	return branch(o, "rules", "check, test and measure rules", check, test, profile, plan)
}

func syscallsCommand(o *Options) *cobra.Command {
	w := &o.Work
	explain := leaf(o, SyscallsExplain, "explain [NAME...]", "say which system calls are collected, and why",
		"Says of each system call whether it is collected, at its exit or also at its entry, and because of which\n"+
			"rules, of state or of the user; with NAMEs only of these. Nothing is opened.\n"+
			"Exit status: 0, or 1 when configuration or rules do not load.")
	fs := workFlags(o, explain)
	fs.BoolVarP(&w.Verbose, "verbose", "v", false, "print all reasons")
	fs.BoolVar(&w.OnlyOn, "on", false, "leave out the calls that are off")
	fs.StringArrayVar(&w.RuleNames, "rule", nil, "only what rules need whose name contains `text`; repeatable")
	fs.BoolVarP(&o.set.all, "all-syscalls", "A", false, "with high-volume system calls (base_syscalls.all)")
	configFlags(o, fs, true)

	diff := leaf(o, SyscallsDiff, "diff A.yaml B.yaml", "say what another configuration changes in what is collected",
		"Says which system calls are collected with B.yaml and not with A.yaml, and the other way round, and why. The\n"+
			"files are configurations, or rules files for one configuration.\n"+
			"Exit status: 0, or 1 when something does not load; with --exit-code also when there is a difference.")
	fs = workFlags(o, diff)
	fs.BoolVarP(&w.Verbose, "verbose", "v", false, "print all reasons")
	fs.BoolVar(&w.ExitCode, "exit-code", false, "exit with 1 when there is a difference")
	fs.BoolVarP(&o.set.all, "all-syscalls", "A", false, "with high-volume system calls (base_syscalls.all)")
	configFlags(o, fs, true)
	return branch(o, "syscalls", "about the system calls that are collected", explain, diff)
}

// workFiles takes the files of a command about rules or calls.
func (o *Options) workFiles(args []string) error {
	o.Work.Files = args
	switch o.Command {
	case RulesCheck, RulesTest:
		if len(args) == 0 {
			return fmt.Errorf("%s needs a file; see tiercel %s --help", o.Command, o.Command)
		}
	case SyscallsDiff:
		if len(args) != 2 {
			return fmt.Errorf("%s needs two files, but there are %d; see tiercel %s --help", o.Command, len(args), o.Command)
		}
	}
	return nil
}

// finishWork checks values and turns flags into settings.
func (o *Options) finishWork() error {
	switch {
	case o.Work.Duration < 0:
		return fmt.Errorf("%s: a time cannot be negative", o.Command)
	case o.Work.Top < 0:
		return fmt.Errorf("%s: --top cannot be negative", o.Command)
	}
	if o.set.all {
		o.override("base_syscalls.all=true")
	}
	if o.set.driver != "" {
		o.override("engine.kind=" + o.set.driver)
	}
	o.Overrides = append(o.Overrides, o.set.overrides...)
	return nil
}
