// SPDX-License-Identifier: Apache-2.0

package state

import "strings"

// maxPath is the longest joined path that is kept.
const maxPath = 1024

// pathTooLong stands for a path beyond maxPath.
const pathTooLong = "/DIR_TOO_LONG/FILENAME_TOO_LONG"

// JoinPath appends path, seen from directory dir, to dst: an absolute path
// replaces dir, "." and ".." and empty components are resolved in the text
// (symbolic links are not followed), there is no trailing slash. A result that
// is still relative has no leading "./". What is too long becomes
// "/DIR_TOO_LONG/FILENAME_TOO_LONG".
func JoinPath(dst []byte, dir, path string) []byte {
	base := len(dst)
	abs := false
	if len(path) > 0 && path[0] == '/' {
		abs = true
		dir = ""
	} else if len(dir) > 0 && dir[0] == '/' {
		abs = true
	}
	if abs {
		dst = append(dst, '/')
	}
	root := len(dst)
	dst = appendComponents(dst, root, abs, dir)
	dst = appendComponents(dst, root, abs, path)
	if len(dst)-base > maxPath {
		return append(dst[:base], pathTooLong...)
	}
	return dst
}

// appendComponents adds the components of path behind dst[root:], which holds
// clean components without a trailing slash.
func appendComponents(dst []byte, root int, abs bool, path string) []byte {
	for path != "" {
		var c string
		if i := strings.IndexByte(path, '/'); i >= 0 {
			c, path = path[:i], path[i+1:]
		} else {
			c, path = path, ""
		}
		switch {
		case c == "" || c == ".":
			continue
		case c == ".." && len(dst) == root:
			if abs {
				continue
			}
		case c == "..":
			if cut, ok := cutLast(dst, root); ok {
				dst = cut
				continue
			}
		}
		if len(dst) > root {
			dst = append(dst, '/')
		}
		dst = append(dst, c...)
	}
	return dst
}

// cutLast removes the last component, unless it is ".." itself.
func cutLast(dst []byte, root int) ([]byte, bool) {
	i := len(dst)
	for i > root && dst[i-1] != '/' {
		i--
	}
	if string(dst[i:]) == ".." {
		return dst, false
	}
	if i > root {
		i-- // the slash before it
	}
	return dst[:i], true
}
