// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/tiercel/tiercel/agent/captool"
	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
)

// command does what the first words of the command line ask for. Commands have
// nothing to do with the configuration file.
func (r *run) command() error {
	if r.opts.Help {
		r.print("%s", r.opts.HelpText)
		return nil
	}
	sys := captool.System{
		Stdout: r.Stdout, Stderr: r.Stderr, Signals: r.Signals, Open: r.Open,
		State: r.hostState(),
	}
	switch r.opts.Command {
	case cmdline.DriverDoctor:
		return drivers.WriteDoctor(r.Stdout, r.opts.JSON)
	case cmdline.CaptureRecord:
		return captool.Record(&sys, &r.opts.Capture)
	case cmdline.CapturePrint:
		return captool.Print(&sys, &r.opts.Capture)
	default:
		return captool.Info(&sys, &r.opts.Capture)
	}
}
