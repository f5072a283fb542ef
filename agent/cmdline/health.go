// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"time"

	"github.com/spf13/cobra"
)

// Health asks the running agent whether events flow.
const Health Command = "health"

func healthCommand(o *Options) *cobra.Command {
	c := leaf(o, Health, "health", "ask the agent that runs on this host whether events flow",
		"Asks the agent that runs with this configuration on this host, at webserver.listen_address and listen_port,\n"+
			"whether events flow. It is meant for the health checks of container runtimes, which then need no open port.\n"+
			"Exit status: 0 they do, 1 they do not, or nobody answers.")
	fs := c.Flags()
	fs.SortFlags = false
	fs.DurationVar(&o.Timeout, "timeout", 3*time.Second, "wait that much `time` for the answer")
	fs.BoolVar(&o.Running, "running", false, "ask the agent that runs from this program's file, with the -c and -o that it was started with")
	configFlags(o, fs, false)
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { o.commandHelp(c) })
	return c
}
