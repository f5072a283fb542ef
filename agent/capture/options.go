// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/output"
)

// Options are how alerts are captured.
type Options struct {
	// Prefix is how the paths of the captures begin.
	Prefix string
	// AllRules: any match begins a capture, not only that of a rule with
	// capture: true.
	AllRules bool
	// Duration is how long captures of rules without a duration of their own
	// are, in event time.
	Duration time.Duration
	MaxMB    uint64 // size of a capture on disk, of 1 MiB; 0: no limit
	// Past is how much of what came before the alert goes into the capture; 0:
	// nothing. PastBytes bounds the memory that remembers it.
	Past      time.Duration
	PastBytes int
	// MinFree is how many bytes the file system keeps free: below that no
	// capture is begun, and one that is being written ends.
	MinFree uint64
	// EnterEvents: the enter events among the events were asked for.
	EnterEvents bool
	// Replay: the event loop may wait for the disk, so that captures of a
	// capture are whole and always the same.
	Replay bool
	// Emit takes the agent's own messages. The event loop calls it.
	Emit func(*output.Alert)
}

// FromConfig returns the options of a configuration.
func FromConfig(c *config.Capture) Options {
	return Options{
		Prefix: c.PathPrefix, AllRules: c.Mode == "all_rules", Duration: time.Duration(c.DurationMS) * time.Millisecond, MaxMB: c.MaxMB,
		Past: time.Duration(c.PastMS) * time.Millisecond, PastBytes: int(c.PastMB) << 20, MinFree: c.MinFreeMB << 20,
	}
}

// mode returns the name of the mode, as the configuration has it.
func (o *Options) mode() string {
	if o.AllRules {
		return "all_rules"
	}
	return "rules"
}
