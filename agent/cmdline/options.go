// SPDX-License-Identifier: Apache-2.0

// Package cmdline is the command line: the flags that Falco's users know,
// those of Tiercel's own, and the spellings of older releases, which are
// turned into what became of them. It parses and explains; it does nothing.
package cmdline

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Options is what was asked for on the command line.
type Options struct {
	Command  Command
	Capture  Capture // of the capture commands
	Work     Work    // of the commands about rules and system calls
	Driver   DriverWork
	Timeout  time.Duration // of health
	Running  bool          // of health: take options from the agent that runs
	JSON     bool          // of driver doctor and status
	Words    []string      // of Complete: all arguments
	HelpText string        // what Help prints for a command

	Help         bool
	ConfigFile   string
	ConfigSchema bool
	RuleSchema   bool
	DefaultRules bool

	EnableSources  []string
	DisableSources []string
	DryRun         bool

	ListIgnored  bool   // -i
	Describe     bool   // -L
	DescribeRule string // -l
	List         bool   // --list
	ListSource   string // of --list, "" for all
	ListEvents   bool
	ListPlugins  bool
	NamesOnly    bool   // -N
	Format       string // text, markdown or json
	Verbose      bool

	MaxSeconds int64 // -M, 0: no end
	PluginInfo string
	Print      string // -p
	PidFile    string
	Rules      []string // -r
	Support    bool
	Unbuffered bool
	Validate   []string // -V
	Version    bool
	PageSize   bool

	// Overrides are all key=value settings: those that flags stand for, then
	// those of -o, in order.
	Overrides []string
	// Warnings tell about old spellings.
	Warnings []string

	set options
}

// options are raw values that Parse turns into something else.
type options struct {
	list      string
	markdown  bool
	overrides []string
	driver    string
	all       bool
	old       oldOptions
}

// Parse reads the arguments (without the program's name). The error's text is
// what users of the reference know. A command has to be the first word; behind an
// option it is an error. Other positional arguments are ignored, with a warning.
func Parse(args []string) (*Options, error) {
	o := &Options{}
	if len(args) > 0 && isCompletion(args[0]) {
		o.Command, o.Words = Complete, args
		return o, nil
	}
	cmd := command(o)
	if len(args) > 0 && commands[args[0]] != nil {
		cmd.AddCommand(commands[args[0]](o))
	} else if err := likeCommand(args); err != nil {
		return nil, err
	}
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		return nil, optionError(err)
	}
	switch {
	case o.Command == RunAgent:
		if err := o.stray(args, cmd.Flags().Args()); err != nil {
			return nil, err
		}
		return o, o.finish(cmd.Flags())
	case o.Help:
		return o, nil
	case o.Command.isWork() || o.Command == Health:
		return o, o.finishWork()
	}
	return o, o.finishCapture()
}

// command makes the cobra command. It is silent: errors and help are printed
// by the caller, who knows the order of the start.
func command(o *Options) *cobra.Command {
	done := func(*cobra.Command, []string) {}
	cmd := &cobra.Command{
		Use:               "tiercel [OPTION...]",
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Run:               done,
	}
	cmd.SetHelpFunc(done) // -h is one of the steps, not the first thing to happen
	current, old := flagSets(o)
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(current)
	cmd.Flags().AddFlagSet(old)
	return cmd
}

// optionError puts a parser's error into the words of the reference.
func optionError(err error) error {
	var (
		unknown  *pflag.NotExistError
		missing  *pflag.ValueRequiredError
		bad      *pflag.InvalidValueError
		nonsense *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown):
		return messagef("Option '%s' does not exist", unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return messagef("Option '%s' is missing an argument", missing.GetSpecifiedName())
	case errors.As(err, &bad):
		return messagef("Argument '%s' failed to parse", bad.GetValue())
	case errors.As(err, &nonsense):
		return messagef("Option '%s' does not exist", strings.TrimLeft(nonsense.GetSpecifiedFlag(), "-"))
	}
	return err
}

// messagef makes an error whose text tools match on, capital letter included.
func messagef(format string, args ...any) error { return fmt.Errorf(format, args...) }

// finish checks combinations and turns flags into settings.
func (o *Options) finish(given *pflag.FlagSet) error {
	if given.Changed("list") {
		o.List = true
		if o.set.list != allSources {
			o.ListSource = o.set.list
		}
	}
	if given.Changed("format") && o.set.markdown {
		return messagef("Cannot specify both --markdown and --format options together")
	}
	switch lower := strings.ToLower(o.Format); {
	case o.set.markdown:
		o.Format = "markdown"
		o.Warnings = append(o.Warnings, "--markdown is an old spelling: use --format markdown")
	case lower == "text" || lower == "markdown" || lower == "json":
		o.Format = lower
	default:
		return messagef("Invalid format '%s'. Valid values are: text, markdown, json", o.Format)
	}
	if o.MaxSeconds < 0 {
		return messagef("Argument '%d' of -M failed to parse: a run cannot last less than no time", o.MaxSeconds)
	}
	if err := o.set.old.apply(o, given); err != nil {
		return err
	}
	if o.set.all {
		o.override("base_syscalls.all=true")
	}
	if given.Changed("driver") {
		o.override("engine.kind=" + o.set.driver)
	}
	if o.Unbuffered {
		o.override("buffered_outputs=false")
	}
	o.Overrides = append(o.Overrides, o.set.overrides...)
	return nil
}

func (o *Options) override(s string) { o.Overrides = append(o.Overrides, s) }

// WriteHelp prints the usage.
func WriteHelp(w io.Writer) {
	current, old := flagSets(&Options{})
	fmt.Fprint(w, "Tiercel: watches the system calls of this host and reports what your rules describe\n\nUsage:\n"+
		"  tiercel [OPTION...]\n")
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		for _, c := range commands[name](&Options{}).Commands() {
			fmt.Fprintf(w, "  tiercel %s\n", c.UseLine())
		}
	}
	fmt.Fprintln(w)
	writeFlags(w, current)
	fmt.Fprint(w, "\nSpellings of older releases, accepted as what they became:\n")
	writeFlags(w, old)
}

// Columns of the help.
const (
	helpColumn = 31
	helpWidth  = 140
)

func writeFlags(w io.Writer, fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		arg, doc := pflag.UnquoteUsage(f)
		left := "      --" + f.Name
		if f.Shorthand != "" {
			left = "  -" + f.Shorthand + ", --" + f.Name
		}
		switch {
		case f.NoOptDefVal == "true":
		case f.NoOptDefVal != "":
			left += "[=" + arg + "]"
		default:
			left += " " + arg
		}
		line := fmt.Sprintf("%-*s", helpColumn, left)
		for _, word := range strings.Fields(doc) {
			if len(line)-strings.LastIndexByte(line, '\n')+len(word) > helpWidth {
				line += "\n" + strings.Repeat(" ", helpColumn)
			}
			line += " " + word
		}
		fmt.Fprintln(w, line)
	})
}
