// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/list"
	"github.com/tiercel/tiercel/agent/log"
	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

// SourceSyscall is the event source of the kernel's system calls.
const SourceSyscall = rules.SourceSyscall

func (r *run) print(format string, args ...any) { fmt.Fprintf(r.Stdout, format, args...) }

func (r *run) help() (bool, error) {
	if r.opts.Help {
		cmdline.WriteHelp(r.Stdout)
	}
	return r.opts.Help, nil
}

func (r *run) schemas() (bool, error) {
	switch {
	case r.opts.ConfigSchema:
		r.print("%s", config.JSONSchema())
	case r.opts.RuleSchema:
		r.print("%s", rules.Schema())
	case r.opts.DefaultRules:
		r.print("%s", defaultrules.Content())
	default:
		return false, nil
	}
	return true, nil
}

func (r *run) listIgnored() (bool, error) {
	if !r.opts.ListIgnored {
		return false, nil
	}
	r.print("Ignored syscall(s):\n")
	for _, name := range sinsp.DefaultExcluded(sinsp.Current).Names() {
		r.print("- %s\n", name)
	}
	r.print("\n")
	return true, nil
}

func (r *run) listEvents() (bool, error) {
	if !r.opts.ListEvents {
		return false, nil
	}
	return true, list.Events(r.Stdout, scap.Events[:], r.opts.Format, SchemaVersion)
}

func (r *run) listFields() (bool, error) {
	if !r.opts.List {
		return false, nil
	}
	if r.opts.ListSource != "" && r.opts.ListSource != SourceSyscall {
		return true, messagef("Value for --list must be a valid source type")
	}
	return true, list.Fields(r.Stdout, r.catalog().Classes(), list.FieldOptions{
		Format: r.opts.Format, NamesOnly: r.opts.NamesOnly, Long: r.opts.Verbose, Sources: []string{SourceSyscall},
	})
}

// loadConfig reads the configuration and starts the log that it asks for.
func (r *run) loadConfig() (bool, error) {
	if err := r.readConfig(); err != nil {
		return true, err
	}
	cfg := r.cfg
	r.setLog()
	r.log.Info(fmt.Sprintf("Tiercel version: %s (%s)", Version, machine()))
	r.log.Debug("CLI args: tiercel " + strings.Join(r.Args, " "))
	if cfg.MainFile == "" {
		r.log.Info("Tiercel initialized with its built-in configuration: no file was found")
	} else {
		r.log.Info("Tiercel initialized with configuration files:")
	}
	r.logConfig()
	if _, live := liveEngines[cfg.Engine.Kind]; live {
		if text, err := os.ReadFile(filepath.Join(r.HostRoot, "/proc/version")); err == nil {
			r.log.Info("System info: " + strings.TrimSpace(string(text)))
		}
	}
	return false, nil
}

// logConfig says which files were read and what is odd about them.
func (r *run) logConfig() {
	for _, f := range r.cfg.Reports {
		if f.Status == "ok" {
			r.log.Info("   " + f.Path + " | schema validation: ok")
		} else {
			r.log.Warn("   " + f.Path + " | schema validation: " + f.Status + " for " + f.Reason)
		}
	}
	for _, w := range r.cfg.Warnings {
		r.log.Warn(w)
	}
}

// setLog puts what the configuration says of the log in force.
func (r *run) setLog() {
	o := log.Options{Level: r.cfg.LogLevel, JSON: r.cfg.LogFormat == "json", ISO8601: r.cfg.TimeISO8601}
	if r.cfg.LogStderr {
		o.Writer = logWriter{r.stderr}
	}
	if r.cfg.LogSyslog {
		o.Syslog = r.SyslogSocket
	}
	r.log.Set(o)
}

func machine() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	if runtime.GOARCH == "arm64" {
		return "aarch64"
	}
	return runtime.GOARCH
}

func (r *run) version() (bool, error) {
	switch {
	case !r.opts.Version:
		return false, nil
	case r.cfg.JSONOutput:
		r.print("%s\n", versionJSON())
	default:
		writeVersion(r.Stdout)
	}
	return true, nil
}

func (r *run) pageSize() (bool, error) {
	if r.opts.PageSize {
		r.log.Info(fmt.Sprintf("Your system page size is: %d bytes", os.Getpagesize()))
	}
	return r.opts.PageSize, nil
}

// plugins answers for plugins: none can be loaded yet.
func (r *run) plugins() (bool, error) {
	switch {
	case r.opts.ListPlugins:
		r.print("0 Plugins Loaded:\n\n")
		return true, nil
	case r.opts.PluginInfo != "":
		return true, fmt.Errorf("plugin %q is not loaded: this release cannot load plugins (container fields are built in)", r.opts.PluginInfo)
	}
	wanted := r.cfg.Plugins
	if r.cfg.Has("load_plugins") {
		wanted = nil
		for _, name := range r.cfg.LoadPlugins {
			for _, p := range r.cfg.Plugins {
				if p.Name == name {
					wanted = append(wanted, p)
				}
			}
		}
	}
	for _, p := range wanted {
		if p.Name == "container" {
			r.log.Info("The plugin 'container' is not loaded: its fields are built in")
			continue
		}
		return true, &textError{"Runtime error: cannot load plugin " + p.LibraryPath + ": this release cannot load plugins. Exiting."}
	}
	return false, nil
}

// chooseSources applies --enable-source and --disable-source. There is one
// source so far.
func (r *run) chooseSources() (bool, error) {
	enable, disable := r.opts.EnableSources, r.opts.DisableSources
	if len(enable) > 0 && len(disable) > 0 {
		return true, messagef("You can not mix --enable-source and --disable-source")
	}
	for _, s := range enable {
		if s != SourceSyscall {
			return true, messagef("Attempted enabling an unknown event source: %s", s)
		}
	}
	for _, s := range disable {
		if s != SourceSyscall {
			return true, messagef("Attempted disabling an unknown event source: %s", s)
		}
	}
	if r.cfg.Engine.Kind == "replay" {
		return false, nil // a capture brings its own
	}
	if len(disable) > 0 {
		return true, messagef("Must enable at least one event source")
	}
	r.sources = []string{SourceSyscall}
	r.log.Info("Loaded event sources: " + SourceSyscall)
	r.log.Info("Enabled event sources: " + strings.Join(r.sources, ", "))
	return false, nil
}

// support prints what a bug report needs.
func (r *run) support() (bool, error) {
	if !r.opts.Support {
		return false, nil
	}
	files, err := r.readRules()
	if err != nil {
		return true, err
	}
	type content struct {
		Content string `json:"content"`
	}
	type file struct {
		Name     string    `json:"name"`
		Variants []content `json:"variants"`
	}
	doc := struct {
		Version string            `json:"version"`
		Engine  json.RawMessage   `json:"engine_info"`
		Cmdline string            `json:"cmdline"`
		Config  string            `json:"config"`
		Rules   []file            `json:"rules_files"`
		System  map[string]string `json:"system_info"`
	}{
		Version: Version, Engine: versionJSON(),
		Cmdline: strings.Join(append([]string{"tiercel"}, r.Args...), " "),
		Config:  r.cfg.Dump(), System: systemInfo(),
	}
	for _, f := range files {
		doc.Rules = append(doc.Rules, file{f.Name, []content{{string(f.Content)}}})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return true, err
	}
	r.print("%s", b.Bytes())
	return true, nil
}

func (r *run) writePid() (bool, error) {
	if r.opts.PidFile == "" || r.opts.DryRun {
		return false, nil
	}
	if err := os.WriteFile(r.opts.PidFile, fmt.Appendf(nil, "%d", os.Getpid()), 0o644); err != nil {
		return true, &exitError{fmt.Errorf("write pid file: %w", err), 255}
	}
	return false, nil
}
