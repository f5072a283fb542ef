// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"bytes"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Complete asks for the words that could stand at the end of a command line. The
// completions of shells send it.
const Complete Command = cobra.ShellCompRequestCmd

// isCompletion reports whether a word asks for completions, with or without
// what they mean.
func isCompletion(word string) bool {
	return word == cobra.ShellCompRequestCmd || word == cobra.ShellCompNoDescRequestCmd
}

// Names are what only the program knows that completes its own command line. A
// function is called only when its words are asked for.
type Names struct {
	Rules    func() []string
	Fields   func() []string
	Events   func() []string
	Syscalls func() []string
	Sources  func() []string
	Keys     func() []string // of the configuration
}

// choice is what can stand in one place: words of a list, files by the ends of
// their names, or folders.
type choice struct {
	words   func(*Names) []string
	ends    []string
	folders bool
	more    bool // something follows the word at once
}

func fixed(words ...string) func(*Names) []string { return func(*Names) []string { return words } }

func rulesOf(n *Names) []string    { return n.Rules() }
func eventsOf(n *Names) []string   { return n.Events() }
func syscallsOf(n *Names) []string { return n.Syscalls() }
func fieldsOf(n *Names) []string   { return n.Fields() }
func sourcesOf(n *Names) []string  { return n.Sources() }

func settingsOf(n *Names) []string {
	var words []string
	for _, k := range n.Keys() {
		words = append(words, k+"=")
	}
	return words
}

var (
	yamlFile    = choice{ends: []string{"yaml", "yml"}}
	captureFile = choice{ends: []string{"scap", "gz"}}
)

// flagChoices are the values of flags, by their names; other flags take what the
// shell offers. Flags of the same name mean the same in all commands.
var flagChoices = map[string]choice{
	"capture":        captureFile,
	"config":         yamlFile,
	"describe-rule":  {words: rulesOf},
	"disable-source": {words: sourcesOf},
	"driver":         {words: fixed("auto", "modern_bpf", "bpf", "kmod")},
	"enable-source":  {words: sourcesOf},
	"event":          {words: eventsOf},
	"format":         {words: fixed("text", "markdown", "json")},
	"headers":        {folders: true},
	"list":           {words: sourcesOf},
	"option":         {words: settingsOf, more: true},
	"root":           {folders: true},
	"rule":           {words: rulesOf},
	"rules":          yamlFile,
	"validate":       yamlFile,
}

// argumentChoices are what commands take, by the place of the argument; the last
// one holds for all that follow.
var argumentChoices = map[Command][]choice{
	CaptureRecord:    {captureFile, {words: fieldsOf}},
	CapturePrint:     {captureFile, {words: fieldsOf}},
	CaptureInfo:      {captureFile, {}},
	DriverBuild:      {{words: fixed(driverKinds...)}, {}},
	DriverLoad:       {{words: fixed("kmod")}, {}},
	DriverUnload:     {{words: fixed("kmod")}, {}},
	DriverSet:        {{words: fixed("auto", "modern_bpf", "kmod", "bpf")}, {}},
	RulesCheck:       {yamlFile},
	RulesTest:        {yamlFile},
	RulesProfile:     {yamlFile},
	RulesExplainPlan: {yamlFile},
	SyscallsExplain:  {{words: syscallsOf}},
	SyscallsDiff:     {yamlFile, yamlFile, {}},
}

// Completions returns what the shells' completions read: a word a line, and at the
// end what the shell may add by itself. args begin with Complete.
func Completions(args []string, names *Names) string {
	root := Tree()
	decorate(root, names)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		return "" // a shell has nobody to tell it to
	}
	return strings.Replace(out.String(), noHelp+"\n", "", 1)
}

// decorate says of a command and of those below what their words can be.
func decorate(c *cobra.Command, names *Names) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		_, f.Usage = pflag.UnquoteUsage(f)
		choice, ok := flagChoices[f.Name]
		if !ok || f.Hidden {
			return
		}
		// It fails for a flag that has a function already, which none has.
		_ = c.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			return choice.offer(names, begun)
		})
	})
	places := argumentChoices[Command(strings.TrimPrefix(c.CommandPath(), "tiercel "))]
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(places) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return places[min(len(args), len(places)-1)].offer(names, begun)
	}
	for _, sub := range c.Commands() {
		decorate(sub, names)
	}
}

// offer returns the words that go on as what was begun.
func (c choice) offer(names *Names, begun string) ([]string, cobra.ShellCompDirective) {
	switch {
	case c.folders:
		return nil, cobra.ShellCompDirectiveFilterDirs
	case c.ends != nil:
		return c.ends, cobra.ShellCompDirectiveFilterFileExt
	case c.words == nil:
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, w := range c.words(names) {
		if strings.HasPrefix(w, begun) {
			words = append(words, w)
		}
	}
	if c.more {
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
