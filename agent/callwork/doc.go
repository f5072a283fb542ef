// SPDX-License-Identifier: Apache-2.0

// Package callwork does what "tiercel syscalls" is asked for: it explains why
// each system call is collected or not, and what another configuration would
// change. It computes what the agent computes at its start, and opens nothing.
package callwork

import (
	"bytes"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/rules"
)

// Side is a configuration with its rules.
type Side struct {
	Name   string // of the file, for the reader
	Config *config.Config
	Rules  *rules.Ruleset // loaded, with the switches of the configuration applied
	// Consumers are who needs calls beside the rules.
	Consumers []selection.Consumer
}

// Options say what is printed.
type Options struct {
	JSON    bool
	Verbose bool     // every rule, and the part of its condition that asks for the call
	Names   []string // of explain: only these calls
	OnlyOn  bool     // of explain: leave out calls that are off
	Rules   []string // of explain: only what rules ask for whose name contains one of these
}

// compute selects the calls of a side.
func (s *Side) compute() (*selection.Result, error) {
	in, err := selection.InputOf(&s.Config.BaseSyscalls, s.Rules)
	if err != nil {
		return nil, err
	}
	in.Consumers = append(in.Consumers, s.Consumers...)
	return selection.Compute(in), nil
}

// IsRules reports whether a YAML file is a rules file and not a configuration:
// rules are a list, a configuration is a map.
func IsRules(content []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(content, []byte("\ufeff"))) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || line[0] == '%' || bytes.Equal(line, []byte("---")) {
			continue
		}
		return line[0] == '[' || line[0] == '-' && (len(line) == 1 || line[1] == ' ')
	}
	return false
}
