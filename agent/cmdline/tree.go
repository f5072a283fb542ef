// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Tree returns the whole command line as one tree: the agent's own options at
// the root, every command below it. The manual and the completions are made of
// it; none of its commands does anything. Spellings of older releases are hidden.
func Tree() *cobra.Command {
	o := &Options{}
	root := command(o)
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		root.AddCommand(commands[name](o))
	}
	root.SetHelpCommand(&cobra.Command{Use: noHelp, Hidden: true})
	_, old := AgentFlags()
	old.VisitAll(func(f *pflag.Flag) { root.Flags().Lookup(f.Name).Hidden = true })
	return root
}

// noHelp takes the place of a command that the library would add: the word help is none.
const noHelp = "no-help"

// AgentFlags returns the options of the agent: the current ones, and the
// spellings of older releases.
func AgentFlags() (current, old *pflag.FlagSet) { return flagSets(&Options{}) }
