// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/tiercel/tiercel/sinsp/container"
)

// containerEngines are the names that init_config.engines may have.
var containerEngines = []string{"docker", "podman", "containerd", "cri", "lxc", "libvirt_lxc", "bpm", "nspawn", "static"}

// containerShape is what the init_config of the plugin container looks like.
var containerShape = maybeEmpty(object(
	opt("verbosity", str), opt("label_max_len", &Shape{typ: "integer"}), opt("with_size", boolean),
	opt("hooks", listOf(enum(container.HookCreate, container.HookStart, container.HookRemove))),
	opt("host_root", str),
	opt("engines", maybeEmpty(object(engineShapes()...)))))

func engineShapes() []prop {
	var props []prop
	for _, name := range containerEngines {
		p := []prop{opt("enabled", boolean)}
		switch name {
		case "docker", "podman", "containerd", "cri":
			p = append(p, opt("sockets", listOf(str)))
		case "static":
			p = append(p, opt("container_id", str), opt("container_name", str), opt("container_image", str))
		}
		props = append(props, opt(name, maybeEmpty(object(p...))))
	}
	return props
}

// engine returns where the settings of an engine go; sockets is nil for one
// that has none.
func engine(e *container.EnginesConfig, name string) (enabled *bool, sockets *[]string) {
	switch name {
	case "docker":
		return &e.Docker.Enabled, &e.Docker.Sockets
	case "podman":
		return &e.Podman.Enabled, &e.Podman.Sockets
	case "containerd":
		return &e.Containerd.Enabled, &e.Containerd.Sockets
	case "cri":
		return &e.CRI.Enabled, &e.CRI.Sockets
	case "lxc":
		return &e.LXC.Enabled, nil
	case "libvirt_lxc":
		return &e.LibvirtLXC.Enabled, nil
	case "bpm":
		return &e.BPM.Enabled, nil
	case "nspawn":
		return &e.Nspawn.Enabled, nil
	case "static":
		return &e.Static.Enabled, nil
	}
	return nil, nil
}

// decodeContainer reads what the plugin container would be given. What does
// not make sense there is an error: nothing else would tell.
func (c *Config) decodeContainer(n *Node) error {
	if n != nil && n.Kind == Scalar { // JSON in a text
		tree, _, err := parse([]byte(n.Text), n.Origin.String(), nil)
		if err != nil {
			return badContainer(n, err.Error())
		}
		tree.setOrigin(n.Origin)
		n = tree
	}
	if n == nil || n.Kind == Null {
		return nil
	}
	if why := containerShape.check(n, "init_config"); why != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("plugin 'container' at %s: %s", n.Origin, strings.TrimSuffix(why, ".")))
	}
	if v := n.Get("label_max_len"); v != nil {
		var length uint32
		if !setScalar(&length, v.Text) || length < 1 || length > 65535 {
			return badContainer(v, "label_max_len is a number from 1 to 65535")
		}
		c.Containers.LabelMaxLen = int(length)
	}
	if v := n.Get("with_size"); v != nil && !setScalar(&c.Containers.WithSize, v.Text) {
		return badContainer(v, "with_size is true or false")
	}
	if v := n.Get("hooks"); v != nil {
		c.Containers.Hooks = stringList(v)
	}
	if err := c.decodeEngines(n.Get("engines")); err != nil {
		return err
	}
	if err := c.Containers.Validate(); err != nil {
		return badContainer(n, err.Error())
	}
	return nil
}

// decodeEngines reads a map of engines; unknown ones were warned about.
func (c *Config) decodeEngines(engines *Node) error {
	if engines == nil || engines.Kind == Null {
		return nil
	}
	if engines.Kind != Map {
		return badContainer(engines, "engines is a map of engines")
	}
	for i, name := range engines.Keys {
		e := engines.Items[i]
		enabled, sockets := engine(&c.Containers.Engines, name)
		if enabled == nil {
			continue
		}
		if v := e.Get("enabled"); v != nil && !setScalar(enabled, v.Text) {
			return badContainer(v, name+".enabled is true or false")
		}
		if v := e.Get("sockets"); v != nil && sockets != nil {
			*sockets = stringList(v)
		}
		if name == "static" {
			s := &c.Containers.Engines.Static
			s.ID, s.Name, s.Image = e.text("container_id"), e.text("container_name"), e.text("container_image")
		}
	}
	return nil
}

func badContainer(n *Node, why string) error {
	return fmt.Errorf("%s: settings of containers: %s", n.Origin, why)
}

// finishContainers takes over the keys below containers, and those of the
// block that newer releases of Falco do not have any more.
func (c *Config) finishContainers() error {
	n := &c.containers
	c.Containers.Wait = time.Duration(n.waitMS) * time.Millisecond
	c.Containers.Timeout = time.Duration(n.timeoutMS) * time.Millisecond
	c.Containers.MaxWaiting, c.Containers.Max, c.Containers.Queue = int(n.maxWaiting), int(n.max), int(n.queue)
	old := c.tree.Get("container_engines")
	if old == nil || old.Kind != Map {
		return nil
	}
	return c.decodeEngines(old)
}
