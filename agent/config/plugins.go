// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ContainerPlugin is the plugin whose work is built in.
const ContainerPlugin = "container"

// containerEngines are the names that init_config.engines may have.
var containerEngines = []string{"docker", "podman", "containerd", "cri", "lxc", "libvirt_lxc", "bpm", "static"}

// containerShape is what the init_config of the plugin container looks like.
var containerShape = maybeEmpty(object(
	opt("verbosity", str), opt("label_max_len", &Shape{typ: "integer"}), opt("with_size", boolean),
	opt("hooks", listOf(enum("create", "start"))),
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

func decodePlugins(c *Config, n *Node) error {
	for _, item := range n.entries() {
		p := Plugin{
			Name: item.text("name"), LibraryPath: item.text("library_path"),
			OpenParams: strings.TrimSpace(item.text("open_params")),
		}
		why := ""
		switch {
		case p.Name == "":
			why = "an entry lacks 'name'"
		case p.LibraryPath == "":
			why = fmt.Sprintf("plugin %q lacks 'library_path'", p.Name)
		}
		var err error
		if why == "" {
			p.LibraryPath, err = pluginPath(p.LibraryPath)
		} else {
			err = errors.New(why)
		}
		if err != nil {
			return &fileError{c.MainFile, true, fmt.Sprintf("could not load plugins config: %v (%s)", err, item.Origin)}
		}
		init := item.Get("init_config")
		p.InitConfig = initText(init)
		if p.Name == ContainerPlugin {
			if err := c.decodeContainer(init); err != nil {
				return err
			}
		}
		c.Plugins = append(c.Plugins, p)
	}
	return nil
}

// initText is what a plugin is given: a text as it is, anything else as JSON.
func initText(n *Node) string {
	switch {
	case n == nil || n.Kind == Null:
		return ""
	case n.Kind == Scalar:
		return n.Text
	}
	var b bytes.Buffer
	n.writeJSON(&b)
	return b.String()
}

// writeJSON prints a value as JSON. An unquoted text that reads as a number or
// as true or false is one.
func (n *Node) writeJSON(b *bytes.Buffer) {
	switch n.Kind {
	case Null:
		b.WriteString("null")
	case Scalar:
		b.WriteString(n.jsonScalar())
	case List:
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.writeJSON(b)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, key := range n.Keys {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(jsonText(key) + ":")
			n.Items[i].writeJSON(b)
		}
		b.WriteByte('}')
	}
}

func (n *Node) jsonScalar() string {
	if n.Quoted {
		return jsonText(n.Text)
	}
	if v, ok := ParseBool(n.Text); ok {
		return strconv.FormatBool(v)
	}
	var i int64
	if setScalar(&i, n.Text) {
		return strconv.FormatInt(i, 10)
	}
	if f, ok := parseFloat(n.Text); ok && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return jsonText(n.Text)
}

func jsonText(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// decodeContainer reads what the plugin container would be given. What does
// not make sense there is an error: nothing else would tell.
func (c *Config) decodeContainer(n *Node) error {
	if n != nil && n.Kind == Scalar { // JSON in a text
		tree, _, err := parse([]byte(n.Text), n.Origin.String(), nil)
		if err != nil {
			return badContainer(n, err.Error())
		}
		n = tree
	}
	if n == nil || n.Kind == Null {
		return nil
	}
	if why := containerShape.check(n, "init_config"); why != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("plugin 'container' at %s: %s", n.Origin, strings.TrimSuffix(why, ".")))
	}
	if v := n.Get("label_max_len"); v != nil && !setScalar(&c.Containers.LabelMaxLen, v.Text) {
		return badContainer(v, "label_max_len is a number")
	}
	if v := n.Get("with_size"); v != nil && !setScalar(&c.Containers.WithSize, v.Text) {
		return badContainer(v, "with_size is true or false")
	}
	c.Containers.Hooks = stringList(n.Get("hooks"))
	engines := n.Get("engines")
	if engines == nil || engines.Kind == Null {
		return nil
	}
	if engines.Kind != Map {
		return badContainer(engines, "engines is a map of engines")
	}
	for i, name := range engines.Keys {
		if !contains(containerEngines, name) {
			continue // warned about
		}
		e := engines.Items[i]
		engine := ContainerEngine{
			Name: name, Enabled: name != "static", Sockets: stringList(e.Get("sockets")),
			ID: e.text("container_id"), Container: e.text("container_name"), Image: e.text("container_image"),
		}
		if v := e.Get("enabled"); v != nil && !setScalar(&engine.Enabled, v.Text) {
			return badContainer(v, name+".enabled is true or false")
		}
		c.Containers.Engines = append(c.Containers.Engines, engine)
	}
	return nil
}

func badContainer(n *Node, why string) error {
	return fmt.Errorf("%s: init_config of the plugin 'container': %s", n.Origin, why)
}
