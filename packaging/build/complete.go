// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"

	"github.com/tiercel/tiercel/agent/cmdline"
)

// completions writes what shells load. They ask the agent itself for the words,
// so that they are those of the release that is installed.
func (s *stage) completions(context.Context) error {
	root := cmdline.Tree()
	var bash, zsh, fish bytes.Buffer
	if err := root.GenBashCompletionV2(&bash, true); err != nil {
		return err
	}
	if err := root.GenZshCompletion(&zsh); err != nil {
		return err
	}
	if err := root.GenFishCompletion(&fish, true); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"tiercel.bash": bash.Bytes(), "_tiercel": zsh.Bytes(), "tiercel.fish": fish.Bytes()} {
		if err := s.put("completions/"+name, text); err != nil {
			return err
		}
	}
	return nil
}
