// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"slices"
	"strings"
)

// Watched returns what the configuration was read from: files, also those that
// would have been read had they been there, and folders of config_files. A
// change to any of them, or in one of the folders, makes it worth to load
// again.
func (c *Config) Watched() (files, folders []string) {
	return slices.Clone(c.watchedFiles), slices.Clone(c.watchedFolders)
}

func (c *Config) watchFile(path string) {
	if path != "" && !slices.Contains(c.watchedFiles, path) {
		c.watchedFiles = append(c.watchedFiles, path)
	}
}

func (c *Config) watchFolder(path string) {
	if !slices.Contains(c.watchedFolders, path) {
		c.watchedFolders = append(c.watchedFolders, path)
	}
}

// Changed returns the paths of the keys that mean something else in b than in
// a, in the order of Keys: nil when both configurations say the same, in
// whatever words.
func Changed(a, b *Config) []string {
	var changed []string
	for i := range Keys {
		k := &Keys[i]
		if k.Path == "rules_file" || k.Path == "config_files" {
			continue // rules_files has what it says; what was included shows in the other keys
		}
		if !k.equal(a, b) {
			changed = append(changed, k.Path)
		}
	}
	return changed
}

// InSection reports whether any of the keys is section or lies below it.
func InSection(keys []string, section string) bool {
	return slices.ContainsFunc(keys, func(k string) bool {
		return k == section || strings.HasPrefix(k, section+".")
	})
}

func (k *Key) equal(a, b *Config) bool {
	if k.dst != nil {
		x, y := reflect.ValueOf(k.dst(a)).Elem(), reflect.ValueOf(k.dst(b)).Elem()
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			return k.Path != "load_plugins" || a.Has(k.Path) == b.Has(k.Path) // none is not all
		}
		return reflect.DeepEqual(x.Interface(), y.Interface())
	}
	x, errX := a.tree.Lookup(k.Path)
	y, errY := b.tree.Lookup(k.Path)
	return errX == nil && errY == nil && x.equal(y)
}

// equal compares values, not where they were written. Nothing, null and an
// absent key are the same.
func (n *Node) equal(m *Node) bool {
	null := func(n *Node) bool { return n == nil || n.Kind == Null }
	if null(n) || null(m) {
		return null(n) && null(m)
	}
	if n.Kind != m.Kind || n.Text != m.Text || !slices.Equal(n.Keys, m.Keys) {
		return false
	}
	return slices.EqualFunc(n.Items, m.Items, (*Node).equal)
}
