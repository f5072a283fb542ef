// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// AccountSource reads the users and groups of the host (pid 0) or of the
// container that the process pid runs in; what cannot be read is nil.
type AccountSource func(pid int64) ([]User, []UserGroup)

// maxAccountFile bounds what is read of a database, in bytes.
const maxAccountFile = 4 << 20

// AccountFiles returns the source that reads /etc/passwd and /etc/group: of the
// host below hostRoot (empty = "/"), of a container below the root of one of its
// processes.
func AccountFiles(hostRoot string) AccountSource {
	if hostRoot == "" {
		hostRoot = "/"
	}
	return func(pid int64) ([]User, []UserGroup) {
		root := hostRoot
		if pid > 0 {
			root = fmt.Sprintf("%s/proc/%d/root", strings.TrimSuffix(hostRoot, "/"), pid)
		}
		var users []User
		var groups []UserGroup
		if f := openInRoot(root, "etc/passwd"); f != nil {
			users = readUsers(f)
			f.Close()
		}
		if f := openInRoot(root, "etc/group"); f != nil {
			groups = readGroups(f)
			f.Close()
		}
		return users, groups
	}
}

// openInRoot opens a regular file below root. Whoever owns that tree may be
// hostile: links do not lead out of it, and nothing there can make us wait.
func openInRoot(root, path string) *os.File {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat2(dir, path, &unix.OpenHow{
		Flags:   flags,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err == unix.ENOSYS { // before Linux 5.6
		fd, err = unix.Openat(dir, path, flags|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), path)
}

// readUsers parses lines of passwd(5): name:password:uid:gid:comment:home:shell.
func readUsers(r io.Reader) []User {
	var users []User
	eachEntry(r, func(f []string) {
		if len(f) < 4 {
			return
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			return
		}
		u := User{Name: f[0], UID: uint32(uid), GID: uint32(gid)}
		if len(f) > 5 {
			u.Home = f[5]
		}
		if len(f) > 6 {
			u.Shell = f[6]
		}
		users = append(users, u)
	})
	return users
}

// readGroups parses lines of group(5): name:password:gid:members.
func readGroups(r io.Reader) []UserGroup {
	var groups []UserGroup
	eachEntry(r, func(f []string) {
		if len(f) < 3 {
			return
		}
		if gid, err := strconv.ParseUint(f[2], 10, 32); err == nil {
			groups = append(groups, UserGroup{Name: f[0], GID: uint32(gid)})
		}
	})
	return groups
}

// eachEntry calls f with the fields of every line; a line that is too long ends
// the reading.
func eachEntry(r io.Reader, f func(fields []string)) {
	lines := bufio.NewScanner(io.LimitReader(r, maxAccountFile))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		f(strings.Split(line, ":"))
	}
}
