// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// meant are words that are commands elsewhere, and what does the same here.
var meant = map[string]string{
	"completion": "the packages bring the completions of shells",
	"help":       "tiercel --help",
	"list":       "tiercel --list",
	"reload":     "systemctl reload tiercel, or SIGHUP",
	"restart":    "systemctl restart tiercel",
	"run":        "tiercel, without a word",
	"start":      "tiercel, without a word; systemctl start tiercel",
	"stop":       "systemctl stop tiercel, or SIGTERM",
	"support":    "tiercel --support",
	"validate":   "tiercel -V FILE, or tiercel rules check FILE",
	"version":    "tiercel --version",
}

// likeCommand refuses a first word that looks like a command and is none: who writes it
// asks a question, and must not get an agent that watches the host.
func likeCommand(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if instead := didMean(args[0]); instead != "" {
		return messagef("There is no command '%s': %s", args[0], instead)
	}
	return nil
}

// stray judges the words that belong to no option. The agent ignores them, as the
// reference does.
func (o *Options) stray(args, words []string) error {
	if len(words) == 0 {
		return nil
	}
	// Whoever asks a question in the wrong order must not start an agent either.
	if commands[words[0]] != nil {
		return messagef("A command is the first word, options come behind it: tiercel %s ...", strings.Join(words, " "))
	}
	// Command lines for containers repeat the program's name.
	if name := filepath.Base(words[0]); words[0] == args[0] && (name == "falco" || name == "tiercel") {
		words = words[1:]
	}
	if len(words) > 0 {
		o.Warnings = append(o.Warnings, "Ignored, because no option takes it: '"+strings.Join(words, " ")+"' (tiercel --help)")
	}
	return nil
}

// didMean says what a word probably stands for, "" when it is like no command.
func didMean(word string) string {
	if instead := meant[word]; instead != "" {
		return instead
	}
	root := &cobra.Command{SuggestionsMinimumDistance: 2}
	var below []string
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		c := commands[name](&Options{})
		for _, sub := range c.Commands() {
			if sub.Name() == word {
				below = append(below, "tiercel "+name+" "+word)
			}
		}
		c.Run = func(*cobra.Command, []string) {}
		root.AddCommand(c)
	}
	if len(below) > 0 {
		return strings.Join(below, ", or ")
	}
	if len(word) < 4 || word[0] == '-' { // too short to be told from another; an option
		return ""
	}
	for _, name := range root.SuggestionsFor(word) {
		below = append(below, "tiercel "+name+" --help")
	}
	return strings.Join(below, ", or ")
}
