// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// PluginDir is where relative library paths of plugins begin.
const PluginDir = "/usr/share/falco/plugins"

// Priorities are the names that the key priority takes, most severe first.
var Priorities = []string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}

// LogLevels are the names that log_level takes.
var LogLevels = []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

var libsSeverities = []string{"fatal", "critical", "error", "warning", "notice", "info", "debug", "trace"}

// engineKinds maps what engine.kind takes to the name used from then on.
var engineKinds = map[string]string{
	"modern_ebpf": "modern_bpf", "modern_bpf": "modern_bpf", "kmod": "kmod",
	"bpf": "bpf", "auto": "auto", "replay": "replay", "nodriver": "nodriver",
}

// fileError is an error about the content of the main file, in the words that
// tools look for (one family of them lacks the blank).
type fileError struct {
	file   string
	narrow bool
	text   string
}

// Error implements error.
func (e *fileError) Error() string {
	if e.file == "" {
		return "Error reading configuration: " + e.text
	}
	if e.narrow {
		return "Error reading config file(" + e.file + "): " + e.text
	}
	return "Error reading config file (" + e.file + "): " + e.text
}

// check validates what was decoded. Errors name the place of the value.
func (c *Config) check() error {
	for _, f := range []func() error{
		c.checkEngine, c.checkNames, c.checkOutputs, c.checkDrops, c.checkOurs, c.checkRest,
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) fail(key, format string, args ...any) error {
	return &fileError{c.MainFile, false, fmt.Sprintf(format, args...) + c.at(key)}
}

func (c *Config) checkEngine() error {
	kind, ok := engineKinds[c.Engine.Kind]
	if !ok {
		return c.fail("engine.kind", "engine.kind '%s' is not a valid kind. Use one of modern_ebpf, kmod, bpf, auto, replay, nodriver", c.Engine.Kind)
	}
	c.Engine.Kind = kind
	for i, name := range c.Engine.Fallback {
		switch driver := engineKinds[name]; driver {
		case "modern_bpf", "kmod", "bpf":
			c.Engine.Fallback[i] = driver
		default:
			return c.fail("engine.fallback", "engine.fallback names '%s', which is no driver. Use modern_ebpf, kmod, bpf", name)
		}
	}
	if kind == "replay" && c.Engine.CaptureFile == "" {
		return c.fail("engine", "engine.kind is 'replay' but no engine.replay.capture_file specified.")
	}
	if c.Capture.Mode != "rules" && c.Capture.Mode != "all_rules" {
		return c.fail("capture.mode", "capture.mode '%s' is not a valid mode. Use rules or all_rules", c.Capture.Mode)
	}
	switch c.BaseSyscalls.StateSet {
	case "current", "falco-0.35":
	default:
		return c.fail("base_syscalls.state_set", "base_syscalls.state_set '%s' is not a known generation. Use current or falco-0.35", c.BaseSyscalls.StateSet)
	}
	return nil
}

func (c *Config) checkNames() error {
	lower := strings.ToLower(c.Priority)
	if lower == "info" {
		lower = "informational"
	}
	if !contains(Priorities, lower) {
		return messagef("Unknown priority \"%s\"--must be one of %s%s", c.Priority, strings.Join(Priorities, ", "), c.at("priority"))
	}
	c.Priority = lower
	matching := strings.ToLower(c.RuleMatching)
	if matching != "first" && matching != "all" {
		return messagef("Unknown rule matching strategy \"%s\"--must be one of first, all%s", c.RuleMatching, c.at("rule_matching"))
	}
	c.RuleMatching = matching
	if !contains(LogLevels, c.LogLevel) {
		return messagef("Unknown log level %s%s", c.LogLevel, c.at("log_level"))
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return c.fail("log_format", "log_format '%s' is not a format. Use text or json", c.LogFormat)
	}
	if c.LibsLogger && !contains(libsSeverities, c.LibsLogSeverity) {
		return messagef("Unknown sinsp log severity %s%s", c.LibsLogSeverity, c.at("libs_logger.severity"))
	}
	return nil
}

func (c *Config) checkOutputs() error {
	c.HTTP.URL = unquotePair(c.HTTP.URL)
	switch {
	case c.File.Enabled && c.File.Filename == "":
		return c.fail("file_output", "file output enabled but no filename in configuration block")
	case c.Program.Enabled && c.Program.Program == "":
		return c.fail("program_output", "program output enabled but no program in configuration block")
	case c.HTTP.Enabled && c.HTTP.URL == "":
		return c.fail("http_output", "http output enabled but no url in configuration block")
	case !ListenAddressOK(c.Webserver.Address):
		return c.fail("webserver.listen_address", "webserver listen address \"%s\" is not a valid IP address", c.Webserver.Address)
	}
	return nil
}

func unquotePair(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// ListenAddressOK reports whether text is an IPv4 or IPv6 address, with
// or without a zone; blanks around it do not matter.
func ListenAddressOK(text string) bool {
	_, err := netip.ParseAddr(strings.Trim(text, " \t\n\f\r"))
	return err == nil
}

func (c *Config) checkDrops() error {
	if c.Drops.Threshold < 0 || c.Drops.Threshold > 1 {
		return c.fail("syscall_event_drops.threshold", "syscall event drops threshold must be a double in the range [0, 1]")
	}
	ignore := false
	for _, a := range c.Drops.Actions {
		switch a {
		case "ignore":
			ignore = true
		case "log", "alert":
			if ignore {
				return c.fail("syscall_event_drops.actions", `syscall event drop action %q does not make sense with the "ignore" action`, a)
			}
		case "exit":
		default:
			return c.fail("syscall_event_drops.actions", `available actions for syscall event drops are "ignore", "log", "alert", and "exit"`)
		}
	}
	if c.TimeoutsMax == 0 {
		return &fileError{c.MainFile, true, "the maximum consecutive timeouts without an event must be an unsigned integer > 0" +
			c.at("syscall_event_timeouts.max_consecutives")}
	}
	return nil
}

func (c *Config) checkRest() error {
	if c.Has("rules_files") && c.Has("rules_file") {
		return c.fail("rules_file", "both 'rules_files' and 'rules_file' keys set")
	}
	if c.Has("rules_file") {
		c.RulesFiles = c.RulesFileOld
		c.Warnings = append(c.Warnings, "the key 'rules_file' is the old spelling of 'rules_files'"+c.at("rules_file"))
	}
	for _, name := range c.LoadPlugins {
		found := false
		for _, p := range c.Plugins {
			found = found || p.Name == name
		}
		if !found {
			return messagef("Cannot load plugin '%s': plugin config not found for given name%s", name, c.at("load_plugins"))
		}
	}
	return nil
}

// CheckMetrics validates the metrics block; it is a later step of the start
// than reading the configuration.
func (c *Config) CheckMetrics() error {
	if !c.Metrics.Enabled {
		return nil
	}
	switch {
	case ParseInterval(c.Metrics.Interval) < 100:
		hint := ""
		if c.Metrics.Interval != "" && strings.Trim(c.Metrics.Interval, "0123456789") == "" && c.Has("metrics.interval") {
			hint = "It is a number without a time unit: specify one, such as " + c.Metrics.Interval + "ms."
		}
		return messagef("Metrics interval must have a minimum value of 100ms and reflect a Prometheus compliant time duration format: "+
			"https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations. %s%s", hint, c.at("metrics.interval"))
	case !c.Metrics.OutputRule && c.Metrics.OutputFile == "" && !c.Webserver.Prometheus:
		return messagef("Metrics are enabled with no output configured. Please enable at least one output channel ('metrics.output_rule', 'metrics.output_file' or 'webserver.prometheus_metrics_enabled')")
	}
	return nil
}

// CheckBuffers validates the ring size of the engine that is to be used; it
// is a later step of the start than reading the configuration.
func (c *Config) CheckBuffers() error {
	preset := c.Engine.ModernPreset
	if c.Engine.Kind == "kmod" {
		preset = c.Engine.KmodPreset
	}
	if preset < 1 || preset > 10 {
		return messagef("The 'buf_size_preset' value must be between '1' and '10'")
	}
	return nil
}

// pluginPath makes a library path absolute and keeps relative ones inside
// the plugins' folder.
func pluginPath(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	full := filepath.Join(PluginDir, path)
	if !strings.HasPrefix(full, PluginDir+"/") {
		return "", fmt.Errorf("library path '%s' resolves outside the plugins directory (%s)", path, PluginDir)
	}
	return full, nil
}
