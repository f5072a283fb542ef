// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/agent/cmdline"
)

// errNotRunning is the answer of a health check that was to find the agent itself.
var errNotRunning = errors.New("no agent of this program runs here, or its process may not be looked at " +
	"(without --running the agent of the configuration is asked)")

// likeRunning takes configuration file and settings from the command line of
// the agent that runs, where it was started with some: the health check of an
// image cannot know what the container was given. Its own options win.
func likeRunning(proc string, o *cmdline.Options) error {
	running, err := runningAgent(proc)
	if err != nil {
		return err
	}
	if o.ConfigFile == "" {
		o.ConfigFile = running.ConfigFile
	}
	o.Overrides = slices.Concat(running.Overrides, o.Overrides)
	return nil
}

// runningAgent finds the process that runs this very program as an agent. The
// file tells it, not the name: with the host's processes in sight there may be
// other agents. Of several the first is taken: a container has one.
func runningAgent(proc string) (*cmdline.Options, error) {
	self, err := os.Stat(filepath.Join(proc, "self/exe"))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		exe, err := os.Stat(filepath.Join(dir, "exe"))
		if err != nil || !os.SameFile(exe, self) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 {
			continue // it ends just now
		}
		words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")[1:]
		if o, err := cmdline.Parse(words); err == nil && o.Command == cmdline.RunAgent {
			return o, nil
		}
	}
	return nil, errNotRunning
}
