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
