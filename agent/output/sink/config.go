// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/output/spool"
)

// SyslogSocket is where the syslog daemon listens.
const SyslogSocket = "/dev/log"

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
	add(c.File.Enabled, func() (output.Sink, error) { return fileOf(c, timeout) })
	add(c.Stdout, func() (output.Sink, error) { return NewStdout(stdout), nil })
	add(c.Syslog, func() (output.Sink, error) { return NewSyslog(SyslogSocket, timeout), nil })
	add(c.Program.Enabled, func() (output.Sink, error) {
		inherited, _ := stdout.(*os.File)
		return NewProgram(c.Program.Program, c.Program.KeepAlive, inherited), nil
	})
	add(c.HTTP.Enabled, func() (output.Sink, error) {
		s, err := NewHTTP(httpOptions(c, stdout, timeout))
		if err != nil {
			return nil, err
		}
		return withSpool(s, c, log), nil
	})
	add(c.Unix.Enabled, func() (output.Sink, error) {
		if c.Unix.Kind == "datagram" {
			return withSpool(NewUnixDatagram(c.Unix.Path, timeout), c, log), nil
		}
		return withSpool(NewUnixStream(c.Unix.Path, timeout), c, log), nil
	})
	add(c.Journald.Enabled, func() (output.Sink, error) { return NewJournald(c.Journald.Socket, timeout), nil })
	return sinks
}

// Options returns what all outputs of a configuration have in common, but for
// the form of alerts.
func Options(c *config.Config, stdout io.Writer, log *zap.Logger) output.HubOptions {
	return output.HubOptions{
		Log: log, Timeout: time.Duration(c.OutputTimeoutMS) * time.Millisecond, Capacity: c.QueueCapacity,
		Buffered: c.BufferedOutputs, Stdout: stdout, Replay: c.Engine.Kind == "replay",
		Suppress: output.Suppression{Window: time.Duration(c.Duplicates.WindowMS) * time.Millisecond, MaxKeys: int(c.Duplicates.MaxKeys)},
	}
}

func fileOf(c *config.Config, timeout time.Duration) (output.Sink, error) {
	mode, err := strconv.ParseUint(c.File.Permissions, 8, 9)
	if err != nil {
		return nil, fmt.Errorf("file: %q is no mode of a file, give one like 0600 (file_output.permissions)", c.File.Permissions)
	}
	return NewFile(c.File.Filename, c.File.KeepAlive, fs.FileMode(mode), timeout), nil
}

func httpOptions(c *config.Config, stdout io.Writer, timeout time.Duration) HTTPOptions {
	h := &c.HTTP
	o := HTTPOptions{
		URL: h.URL, UserAgent: h.UserAgent, JSON: c.JSONOutput, Timeout: timeout, Retries: int(h.MaxTimeouts),
		Compress: h.Compress, KeepAlive: h.KeepAlive, TokenFile: h.TokenFile, HeadersFile: h.HeadersFile,
		TLS: TLSFiles{Insecure: h.Insecure, CACert: h.CACert, CABundle: h.CABundle, CAPath: h.CAPath},
	}
	if h.MTLS {
		o.TLS.ClientCert, o.TLS.ClientKey = h.ClientCert, h.ClientKey
	}
	if h.Echo {
		o.Echo = stdout
	}
	return o
}

// spooled is a sink with a queue on disk.
type spooled struct {
	output.Sink
	dir *spool.Dir
}

// Spool implements output.Spooled.
func (s spooled) Spool() output.Spool { return s.dir }

// Retries implements output.Retrier: what the sink's other end refuses is tried
// for some time, what does not get there is never given up.
func (s spooled) Retries() int { return 20 }

// OneByOne implements output.Single.
func (s spooled) OneByOne() bool {
	o, ok := s.Sink.(output.Single)
	return ok && o.OneByOne()
}

func withSpool(s output.Sink, c *config.Config, log *zap.Logger) output.Sink {
	if c.Spool.Dir == "" {
		return s
	}
	return spooled{s, spool.New(filepath.Join(c.Spool.Dir, s.Name()), int64(c.Spool.MaxMB)<<20, log)}
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
