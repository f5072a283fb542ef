// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Command is what the first words of the command line ask for. Everything that
// is no command runs the agent, as users of the reference are used to.
type Command string

// Commands.
const (
	RunAgent      Command = ""
	CaptureRecord Command = "capture record"
	CapturePrint  Command = "capture print"
	CaptureInfo   Command = "capture info"
	DriverDoctor  Command = "driver doctor"
	DriverBuild   Command = "driver build"
	DriverLoad    Command = "driver load"
	DriverUnload  Command = "driver unload"
	DriverSet     Command = "driver set"
	DriverStatus  Command = "driver status"

	RulesCheck       Command = "rules check"
	RulesTest        Command = "rules test"
	RulesProfile     Command = "rules profile"
	RulesExplainPlan Command = "rules explain-plan"
	SyscallsExplain  Command = "syscalls explain"
	SyscallsDiff     Command = "syscalls diff"
)

// Capture is what the capture commands were asked for.
type Capture struct {
	File   string
	Filter string

	// Of record.
	Driver     string
	Preset     int // ring size, 1 to 10
	Snaplen    int // 0: the driver's default
	Enter      bool
	Newest     bool
	Compress   bool
	Quiet      bool
	Count      uint64        // end after that many events; 0: no end
	Duration   time.Duration // end after that; 0: no end
	FileBytes  uint64        // begin the next file after; 0: never
	FileEvents uint64
	FileTime   time.Duration
	MaxFiles   int // keep so many files; 0: all

	// Of print. Count holds too.
	Format string
	JSON   bool // of info too
	All    bool

	// Of info.
	Types bool
}

// commands are the words that begin a command. The agent itself ignores
// positional arguments, so only the very first word can be one of them.
var commands = map[string]func(*Options) *cobra.Command{
	"capture":  captureCommand,
	"driver":   driverCommand,
	"health":   healthCommand,
	"rules":    rulesCommand,
	"syscalls": syscallsCommand,
}

// leaf makes a command that does something.
func leaf(o *Options, name Command, usage, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: usage, Short: short, Long: long, Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, args []string) error {
			o.Command = name
			return o.positional(args)
		},
	}
}

// branch makes a command that only leads to others.
func branch(o *Options, name, short string, leaves ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: name, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command '%s %s'; see tiercel %s --help", name, args[0], name)
			}
			return c.Help()
		},
	}
	c.AddCommand(leaves...)
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { o.commandHelp(c) })
	return c
}

// commandHelp keeps the help of a command for who prints it.
func (o *Options) commandHelp(c *cobra.Command) {
	o.Help, o.Command = true, Command(strings.TrimPrefix(c.CommandPath(), "tiercel "))
	var b strings.Builder
	writeCommandHelp(&b, c)
	o.HelpText = b.String()
}

// positional takes what stands beside the flags: a file, and for some commands
// the words of a filter; or files.
func (o *Options) positional(args []string) error {
	if o.Command.isWork() {
		return o.workFiles(args)
	}
	if o.Command.isDriver() {
		return o.driverKind(args)
	}
	if o.Command == Health {
		if len(args) > 0 {
			return fmt.Errorf("health takes no argument, but there is '%s'", args[0])
		}
		return nil
	}
	filter := o.Command == CaptureRecord || o.Command == CapturePrint
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s needs the name of a capture file; see tiercel %s --help", o.Command, o.Command)
	case len(args) > 1 && !filter:
		return fmt.Errorf("%s takes one file, but there is '%s' too", o.Command, args[1])
	}
	o.Capture.File = args[0]
	o.Capture.Filter = strings.Join(args[1:], " ")
	return nil
}

func captureCommand(o *Options) *cobra.Command {
	c := &o.Capture
	record := leaf(o, CaptureRecord, "record FILE [FILTER]", "write the events of this host to a capture file",
		"Writes the system call events of this host to FILE, until Ctrl-C or one of the limits. With a FILTER only\n"+
			"events that match it are kept, and beside them, marked, those that the model of the host needs.\n"+
			"With a limit of the size, time or events of a file there are several: trace.00001.scap and so on for trace.scap.")
	fs := record.Flags()
	fs.SortFlags = false
	fs.StringVar(&c.Driver, "driver", "auto", "where events come from: `auto`, modern_bpf, bpf, kmod")
	fs.IntVarP(&c.Preset, "buffer-preset", "b", 4, "size of a ring: `number` from 1 to 10 for 1 to 512 MiB, each twice the one before")
	fs.IntVarP(&c.Snaplen, "snaplen", "s", 0, "`bytes` kept of each buffer that is read or written (0: 80)")
	fs.BoolVar(&c.Enter, "enter", false, "record the beginning of each call too, in a capture that is marked so")
	fs.BoolVar(&c.Newest, "newest", false, "write parameters that other tools do not know yet: flags of socket, the argument of fcntl")
	fs.BoolVarP(&c.Compress, "compress", "z", false, "write gzip")
	fs.Uint64VarP(&c.Count, "count", "n", 0, "end after that many `events`")
	fs.DurationVarP(&c.Duration, "duration", "M", 0, "end after that `time`, e.g. 90s or 5m")
	fs.Uint64VarP(&c.FileBytes, "file-size", "C", 0, "begin the next file after that many `MiB`")
	fs.DurationVarP(&c.FileTime, "file-time", "G", 0, "begin the next file after that `time`, e.g. 10m")
	fs.Uint64VarP(&c.FileEvents, "file-events", "E", 0, "begin the next file after that many `events`")
	fs.IntVarP(&c.MaxFiles, "files", "W", 0, "keep the last `number` of files, remove older ones")
	fs.BoolVarP(&c.Quiet, "quiet", "q", false, "no progress, only the report at the end")

	print := leaf(o, CapturePrint, "print FILE [FILTER]", "print the events of a capture file",
		"Prints a line for every event of FILE that matches the FILTER.")
	fs = print.Flags()
	fs.SortFlags = false
	fs.StringVarP(&c.Format, "print", "p", "", "the line of an event, `format` as in outputs of rules; one that does not begin with * "+
		"prints nothing for an event that lacks a field")
	fs.BoolVarP(&c.JSON, "json", "j", false, "print the fields of the format as JSON objects")
	fs.Uint64VarP(&c.Count, "count", "n", 0, "end after that many `lines`")
	fs.BoolVarP(&c.All, "all", "a", false, "print beginnings of calls, and events that are there only for the model of the host")

	info := leaf(o, CaptureInfo, "info FILE", "say what a capture file holds",
		"Says where and when FILE was made, what it holds, and whether it is whole.")
	fs = info.Flags()
	fs.SortFlags = false
	fs.BoolVarP(&c.JSON, "json", "j", false, "print JSON")
	fs.BoolVarP(&c.Types, "types", "t", false, "count the events of each type")
	return branch(o, "capture", "record, print and describe capture files", record, print, info)
}

func writeCommandHelp(w io.Writer, c *cobra.Command) {
	if c.HasSubCommands() {
		fmt.Fprintf(w, "%s\n\nCommands:\n", sentence(c.Short))
		for _, sub := range c.Commands() {
			fmt.Fprintf(w, "  %-*s  %s\n", usageColumn, sub.UseLine(), sub.Short)
		}
		fmt.Fprintf(w, "\n%s COMMAND --help tells more.\n", c.CommandPath())
		return
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s [OPTION...]\n\n", c.Long, c.UseLine())
	all := pflag.NewFlagSet("help", pflag.ContinueOnError)
	all.SortFlags = false
	all.AddFlagSet(c.Flags())
	writeFlags(w, all)
}

func sentence(s string) string { return "Tiercel: " + s }

// finishCapture checks what pflag cannot, and turns units.
func (o *Options) finishCapture() error {
	c := &o.Capture
	switch {
	case c.Duration < 0 || c.FileTime < 0:
		return fmt.Errorf("%s: a time cannot be negative", o.Command)
	case c.Snaplen < 0 || c.Snaplen > maxSnaplen:
		return fmt.Errorf("%s: --snaplen %d is not between 0 and %d", o.Command, c.Snaplen, maxSnaplen)
	case c.MaxFiles < 0:
		return fmt.Errorf("%s: --files cannot be negative", o.Command)
	case c.MaxFiles > 0 && c.FileBytes == 0 && c.FileTime == 0 && c.FileEvents == 0:
		return fmt.Errorf("%s: --files needs --file-size, --file-time or --file-events: without one of them there is one file only", o.Command)
	case o.Command == CaptureRecord && (c.Preset < 1 || c.Preset > 10):
		return fmt.Errorf("%s: --buffer-preset %d is not between 1 and 10", o.Command, c.Preset)
	case c.FileBytes > maxFileMiB:
		return fmt.Errorf("%s: --file-size %d is more than %d MiB", o.Command, c.FileBytes, maxFileMiB)
	}
	c.FileBytes <<= 20
	return nil
}

const (
	usageColumn = 38

	maxSnaplen = 65000
	maxFileMiB = 1 << 30
)
