// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"

	"github.com/tiercel/tiercel/agent/callwork"
	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/textfile"
	"github.com/tiercel/tiercel/rules"
)

func callOptions(w *cmdline.Work) callwork.Options {
	return callwork.Options{JSON: w.JSON, Verbose: w.Verbose, Names: w.Files, OnlyOn: w.OnlyOn, Rules: w.RuleNames}
}

// explainCalls is syscalls explain: of every call, whether it is collected and
// why.
func (r *run) explainCalls() error {
	side, err := r.side("")
	if err != nil {
		return err
	}
	return callwork.Explain(r.Stdout, side, callOptions(&r.opts.Work))
}

// diffCalls is syscalls diff: what two configurations, or two rules files with
// one configuration, collect differently.
func (r *run) diffCalls() error {
	w := &r.opts.Work
	if len(w.Files) != 2 {
		return fmt.Errorf("%s needs two files; see tiercel %s --help", r.opts.Command, r.opts.Command)
	}
	var sides [2]callwork.Side
	for i, file := range w.Files {
		var err error
		if sides[i], err = r.side(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	o := callOptions(w)
	o.Names = nil
	differs, err := callwork.Diff(r.Stdout, sides[0], sides[1], o)
	if err == nil && differs && w.ExitCode {
		return &exitError{nil, 1}
	}
	return err
}

// side loads configuration and rules for a command. The file takes the place of
// the one or the others, by what is in it; "": neither.
func (r *run) side(file string) (callwork.Side, error) {
	at := *r
	var files []string
	if file != "" {
		content, err := textfile.Read(file, rules.MaxFileSize)
		if err != nil {
			return callwork.Side{}, openError(file, err)
		}
		if callwork.IsRules(content) {
			files = []string{file}
		} else {
			opts := *r.opts
			opts.ConfigFile = file
			at.opts = &opts
		}
	}
	n, err := at.load(files)
	if err != nil {
		return callwork.Side{}, err
	}
	s := callwork.Side{Name: file, Config: n.cfg, Rules: n.set}
	if s.Name == "" {
		s.Name = configName(n.cfg.MainFile)
	}
	return s, nil
}
