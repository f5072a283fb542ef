// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links a path may lead through, as in the kernel.
const maxLinks = 40

// step is a name in a folder that a path leads through: when the folder says
// something of that name, the path may lead elsewhere.
type step struct{ folder, name string }

// route returns the names that decide where path leads: each symbolic link on
// the way and the last name. A path that leads nowhere ends with the first name
// that is not there. The last step names no link, if the path leads anywhere.
func route(path string) []step {
	var steps []step
	folder, rest := "/", strings.Split(filepath.Clean(path), "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			folder = filepath.Dir(folder)
			continue
		}
		full := filepath.Join(folder, name)
		info, err := os.Lstat(full)
		if err != nil {
			return append(steps, step{folder, name})
		}
		if info.Mode()&os.ModeSymlink == 0 {
			if len(rest) == 0 {
				steps = append(steps, step{folder, name})
			}
			folder = full
			continue
		}
		steps = append(steps, step{folder, name})
		target, err := os.Readlink(full)
		if links++; err != nil || links > maxLinks {
			return steps
		}
		if filepath.IsAbs(target) {
			folder = "/"
		}
		rest = append(strings.Split(filepath.Clean(target), "/"), rest...)
	}
	return steps
}
