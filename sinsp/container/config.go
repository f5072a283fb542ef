// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"path/filepath"
	"time"
)

// Config is what users set about containers: the init_config of the reference's
// container plugin, and ours. The zero value is not useful: see DefaultConfig.
type Config struct {
	LabelMaxLen int           // longer values of labels are left out, in bytes
	WithSize    bool          // ask runtimes for the size of writable layers, which costs them much
	Hooks       []string      // what is followed: create, start, remove
	Engines     EnginesConfig // by kind
	Wait        time.Duration // how long an alert waits for details; 0 = not at all
	MaxWaiting  int           // alerts that wait at once
	Max         int           // containers that are kept
	Timeout     time.Duration // of one question to a runtime
	Queue       int           // questions that wait
}

// EnginesConfig says which kinds of containers are looked for, and where their
// runtimes listen.
type EnginesConfig struct {
	Docker, Podman, Containerd, CRI SocketsConfig
	LXC, LibvirtLXC, BPM, Nspawn    EngineConfig
	Static                          StaticConfig
}

// EngineConfig switches one kind.
type EngineConfig struct{ Enabled bool }

// SocketsConfig switches a kind that has a runtime to ask.
type SocketsConfig struct {
	Enabled bool
	Sockets []string // below the host's root; empty: the usual ones
}

// StaticConfig makes one fixed container of everything.
type StaticConfig struct {
	Enabled         bool
	ID, Name, Image string
}

// Hooks of a Config.
const (
	HookCreate = "create"
	HookStart  = "start"
	HookRemove = "remove"
)

// DefaultConfig returns what holds when nothing is set.
func DefaultConfig() Config {
	on := EngineConfig{Enabled: true}
	asked := SocketsConfig{Enabled: true}
	return Config{
		LabelMaxLen: 100,
		Hooks:       []string{HookCreate, HookStart},
		Engines: EnginesConfig{
			Docker: asked, Podman: asked, Containerd: asked, CRI: asked,
			LXC: on, LibvirtLXC: on, BPM: on, Nspawn: on,
		},
		Wait: 500 * time.Millisecond, MaxWaiting: 1000, Max: DefaultMax, Timeout: 2 * time.Second, Queue: 256,
	}
}

// Validate reports the first setting that makes no sense.
func (c *Config) Validate() error {
	for _, h := range c.Hooks {
		if h != HookCreate && h != HookStart && h != HookRemove {
			return fmt.Errorf("hooks: %q is none of create, start, remove", h)
		}
	}
	for _, e := range []struct {
		name string
		s    *SocketsConfig
	}{
		{"docker", &c.Engines.Docker}, {"podman", &c.Engines.Podman}, {"containerd", &c.Engines.Containerd}, {"cri", &c.Engines.CRI},
	} {
		for _, s := range e.s.Sockets {
			if !filepath.IsAbs(s) || len(s) > 107 {
				return fmt.Errorf("engines.%s.sockets: %q is not the absolute path of a socket (at most 107 bytes)", e.name, s)
			}
		}
	}
	if s := &c.Engines.Static; s.Enabled && s.ID == "" {
		return fmt.Errorf("engines.static: container_id is missing")
	}
	return nil
}

// TableOptions returns the options of a table as the configuration has them.
// Who asks runtimes adds Ask and Mail.
func (c *Config) TableOptions() Options {
	e := &c.Engines
	o := Options{Max: c.Max, Engines: Engines{
		NoPodman: !e.Podman.Enabled, NoDocker: !e.Docker.Enabled, NoCRI: !e.CRI.Enabled, NoContainerd: !e.Containerd.Enabled,
		NoLXC: !e.LXC.Enabled, NoLibvirtLXC: !e.LibvirtLXC.Enabled, NoBPM: !e.BPM.Enabled, NoNspawn: !e.Nspawn.Enabled,
	}}
	if s := &e.Static; s.Enabled {
		i := &Info{Type: Static, ID: cut(s.ID, maxFullID), FullID: s.ID, Name: s.Name, Image: s.Image, Size: -1}
		i.Finish()
		o.Static = i
	}
	return o
}

// Follows reports whether a hook is set.
func (c *Config) Follows(hook string) bool {
	for _, h := range c.Hooks {
		if h == hook {
			return true
		}
	}
	return false
}
