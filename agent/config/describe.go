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
	Why string // stands before what the key means
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
	var above []string // the levels that the line before is below
	for _, s := range settings {
		k := key(s.Key)
		if k == nil {
			return nil, fmt.Errorf("there is no key %s", s.Key)
		}
		mark := ""
		if s.Off {
			mark = "#"
		}
		path := strings.Split(s.Key, ".")
		shared := 0
		for shared < min(len(above), len(path)-1) && above[shared] == path[shared] {
			shared++
		}
		if shared == 0 {
			b.WriteByte('\n')
		}
		lead := strings.Repeat("  ", shared) + "# "
		if s.Why != "" {
			comment(&b, lead, lead, s.Why)
		}
		comment(&b, lead, lead, k.Doc)
		for depth := shared; depth < len(path); depth++ {
			fmt.Fprintf(&b, "%s%s%s:", mark, strings.Repeat("  ", depth), path[depth])
			if depth == len(path)-1 {
				b.WriteString(" " + s.Value)
			}
			b.WriteByte('\n')
		}
		above = path[:len(path)-1]
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
