// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
)

// Dump returns the merged configuration as YAML in flow style, on one line.
func (c *Config) Dump() string {
	var b strings.Builder
	c.tree.dump(&b)
	return b.String()
}

func (n *Node) dump(b *strings.Builder) {
	switch n.Kind {
	case Null:
		b.WriteString("~")
	case Scalar:
		b.WriteString(flowText(n.Text))
	case List:
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			item.dump(b)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, key := range n.Keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(flowText(key) + ": ")
			n.Items[i].dump(b)
		}
		b.WriteByte('}')
	}
}

// flowText quotes a scalar that flow style would read as something else.
func flowText(s string) string {
	if isNullText(s) || strings.ContainsAny(s, "{}[],:#&*!|>'\"%@`\\\n\t") || strings.TrimSpace(s) != s || s[0] == '-' || s[0] == '?' {
		return strconv.Quote(s)
	}
	return s
}
