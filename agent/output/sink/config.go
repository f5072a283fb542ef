// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"io"
	"io/fs"
	"reflect"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/output"
)

// FromConfig returns the sinks that a configuration asks for, in the order of
// the documentation. One that cannot be is told of in the log and left out.
func FromConfig(c *config.Config, stdout io.Writer, log *zap.Logger) []output.Sink {
	var sinks []output.Sink
	timeout := time.Duration(c.OutputTimeoutMS) * time.Millisecond
	add := func(enabled bool, open func() (output.Sink, error)) {
		if !enabled {
			return
		}
		s, err := open()
		if err != nil {
			log.Error("Failed to init output: " + err.Error())
			return
		}
		sinks = append(sinks, s)
	}
	add(c.File.Enabled, func() (output.Sink, error) {
		return NewFile(c.File.Filename, c.File.KeepAlive, fs.FileMode(0), timeout), nil
	})
	add(c.Stdout, func() (output.Sink, error) { return NewStdout(stdout), nil })
	return sinks
}

// Same reports whether two configurations ask for the same outputs.
func Same(a, b *config.Config) bool {
	return reflect.DeepEqual(settings(a), settings(b))
}

// settings is all of a configuration that outputs are made from.
func settings(c *config.Config) []any {
	return []any{
		c.JSONOutput, c.BufferedOutputs, c.OutputTimeoutMS, c.QueueCapacity, c.Stdout, c.Syslog, c.File, c.Program, c.HTTP,
		c.Unix, c.Journald, c.Spool, c.Duplicates,
	}
}
