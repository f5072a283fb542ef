// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Paths are what a run was made from.
type Paths struct {
	Files   []string // be they there or not
	Folders []string // whose entries count, not what lies deeper
	// Wants tells by its path which entries of the folders count; nil: all.
	Wants func(path string) bool
}

// absolute returns the paths from the root, so that they mean the same wherever
// the process goes.
func (p Paths) absolute() Paths {
	abs := func(list []string) []string {
		out := make([]string, 0, len(list))
		for _, path := range list {
			if a, err := filepath.Abs(path); err == nil {
				path = a
			}
			out = append(out, path)
		}
		return out
	}
	p.Files, p.Folders = abs(p.Files), abs(p.Folders)
	return p
}

func (p *Paths) equal(o *Paths) bool {
	return slices.Equal(p.Files, o.Files) && slices.Equal(p.Folders, o.Folders)
}

func (p *Paths) wants(path string) bool { return p.Wants == nil || p.Wants(path) }

// all returns the files and the wanted entries of the folders.
func (p *Paths) all() []string {
	out := append([]string(nil), p.Files...)
	for _, dir := range p.Folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it counts as empty; its route is watched
		}
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); p.wants(path) {
				out = append(out, path)
			}
		}
	}
	return out
}

// stamp tells one state of a file from another without reading it.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // ns
}

// snapshot is the state of all files; what is not there is not in it.
type snapshot map[string]stamp

func take(paths []string) snapshot {
	s := snapshot{}
	for _, p := range paths {
		var st unix.Stat_t
		if unix.Stat(p, &st) == nil {
			s[p] = stamp{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}
		}
	}
	return s
}

func (s snapshot) equal(o snapshot) bool { return maps.Equal(s, o) }
