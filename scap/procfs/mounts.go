// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mount is what matters of a mount.
type mount struct {
	id       uint32
	point    string // as its namespace sees it
	readonly bool
	overlay  bool
	upper    string // overlay: the upper directory, empty when it has none
}

// mountTable holds the mounts of one mount namespace, in the kernel's order:
// a later one hides an earlier one at the same place.
type mountTable struct {
	mounts []mount
	read   time.Time
}

// Mounts come and go; a table is good enough for this long.
const rereadMounts = 10 * time.Second

// add takes a line of mountinfo: id, parent, device, root, mount point,
// options, optional fields up to a dash, type, source, options of the file
// system. Blanks in names are escaped.
func (t *mountTable) add(line []byte) {
	f := fields{rest: line}
	m := mount{id: uint32(f.uint())}
	f.skip(3)
	m.point = unescapeMount(f.next())
	m.readonly = option(f.next(), "ro", nil)
	for w := f.next(); ; w = f.next() {
		if len(w) == 0 {
			return
		}
		if string(w) == "-" {
			break
		}
	}
	m.overlay = string(f.next()) == "overlay"
	f.skip(1)
	super := f.next()
	m.readonly = m.readonly || option(super, "ro", nil)
	if m.overlay {
		option(super, "upperdir", &m.upper)
	}
	t.mounts = append(t.mounts, m)
}

// option reports whether name is among the comma-separated options, and stores
// its value.
func option(options []byte, name string, value *string) bool {
	for len(options) > 0 {
		var o []byte
		o, options, _ = bytes.Cut(options, []byte(","))
		key, v, _ := bytes.Cut(o, []byte("="))
		if string(key) == name {
			if value != nil {
				*value = unescapeMount(v)
			}
			return true
		}
	}
	return false
}

// holding returns the mount that a path lies in, or nil.
func (t *mountTable) holding(path string) *mount {
	var best *mount
	for i := range t.mounts {
		m := &t.mounts[i]
		if below(path, m.point) && (best == nil || len(m.point) >= len(best.point)) {
			best = m
		}
	}
	return best
}

func (t *mountTable) byID(id uint32) *mount {
	for i := range t.mounts {
		if t.mounts[i].id == id {
			return &t.mounts[i]
		}
	}
	return nil
}

// below reports whether path is dir or lies below it.
func below(path, dir string) bool {
	if dir == "/" {
		return strings.HasPrefix(path, "/")
	}
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// layer tells in which layer of an overlay the file at path lies. The upper
// layer's directory is named as the host sees it.
func (r *Reader) layer(m *mount, path string) (upper, lower bool) {
	if m == nil || !m.overlay {
		return false, false
	}
	if m.upper == "" {
		return false, true
	}
	inside := path
	if m.point != "/" {
		inside = path[min(len(m.point), len(path)):]
	}
	var st unix.Stat_t
	err := unix.Lstat(r.root+m.upper+inside, &st)
	return err == nil, err != nil
}

// unescapeMount undoes the octal escapes of blanks and backslashes.
func unescapeMount(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			out = append(out, byte(octal(b[i+1:i+4])))
			i += 3
			continue
		}
		out = append(out, b[i])
	}
	return string(out)
}
