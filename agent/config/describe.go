// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// Type says in a word or two what the key takes.
func (k *Key) Type() string { return k.leaf().typeName() }

// Hidden tells of an old spelling that is read but not described.
func (k *Key) Hidden() bool { return k.leaf().hidden }

// Setting is a key with its value, both as they are written in a file.
type Setting struct {
	Key   string
	Value string
	// Off leaves the line out of force: a choice that is shown, but not made.
	Off bool
}

// Installed returns the configuration that packages install: what differs from
// the defaults or is changed most often, each with the meaning that the table of
// keys gives it. It is short, so that an upgrade seldom has to ask about it.
func Installed(settings []Setting) ([]byte, error) {
	var b strings.Builder
	b.WriteString(`# The configuration of Tiercel. It is kept when the package is upgraded.
#
# Changes are better put into a file of their own, /etc/tiercel/config.d/NAME.yaml;
# changed files are loaded at once, and a mistake in one leaves the old ones in force.
# Every key: man tiercel.yaml, /usr/share/doc/tiercel/examples/tiercel.yaml
# Check:     tiercel --dry-run
`)
	for _, s := range settings {
		k := key(s.Key)
		if k == nil {
			return nil, fmt.Errorf("there is no key %s", s.Key)
		}
		b.WriteByte('\n')
		comment(&b, "# ", "# ", k.Doc)
		path := strings.Split(s.Key, ".")
		for depth, name := range path {
			if s.Off {
				b.WriteByte('#')
			}
			fmt.Fprintf(&b, "%s%s:", strings.Repeat("  ", depth), name)
			if depth == len(path)-1 {
				b.WriteString(" " + s.Value)
			}
			b.WriteByte('\n')
		}
	}
	return []byte(b.String()), nil
}

func key(path string) *Key {
	for i := range Keys {
		if Keys[i].Path == path {
			return &Keys[i]
		}
	}
	return nil
}
