// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// User is an entry of a passwd file.
type User struct {
	Name     string
	UID, GID uint32
	Home     string
	Shell    string
}

// Group is an entry of a group file.
type Group struct {
	Name string
	GID  uint32
}

// maxAccounts bounds a passwd or group file: those of a container are under
// the control of whoever made it.
const maxAccounts = 8 << 20

// Users returns the users of /etc/passwd below root ("" or "/" for our own, or
// /proc/PID/root for those that a process sees), in the order of the file.
func Users(root string) ([]User, error) {
	b, err := readBelow(root, "etc/passwd")
	if err != nil {
		return nil, err
	}
	return parseUsers(b), nil
}

// Groups returns the groups of /etc/group below root, as Users does.
func Groups(root string) ([]Group, error) {
	b, err := readBelow(root, "etc/group")
	if err != nil {
		return nil, err
	}
	return parseGroupFile(b), nil
}

// parseUsers takes lines of name:password:uid:gid:comment:home:shell. Lines
// that are not like that are left out, among them those that refer to other
// databases (+ and -).
func parseUsers(text string) []User {
	var users []User
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 7 || !accountName(f[0]) {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(f[3], 10, 32)
		if err != nil {
			continue
		}
		users = append(users, User{Name: f[0], UID: uint32(uid), GID: uint32(gid), Home: f[5], Shell: f[6]})
	}
	return users
}

// parseGroupFile takes lines of name:password:gid:members.
func parseGroupFile(text string) []Group {
	var groups []Group
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 3 || !accountName(f[0]) {
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		groups = append(groups, Group{Name: f[0], GID: uint32(gid)})
	}
	return groups
}

func accountName(name string) bool {
	return name != "" && name[0] != '+' && name[0] != '-' && name[0] != '#'
}

// readBelow reads a regular file below root. Links are resolved as if root
// were the root directory: a container must not make us read the host's files
// instead of its own. Nor may it make us wait, or read without end.
func readBelow(root, path string) (string, error) {
	if root == "" {
		root = "/"
	}
	at, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", root, err)
	}
	defer unix.Close(at)
	fd, err := unix.Openat2(at, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return "", fmt.Errorf("open %s below %s: %w", path, root, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return "", fmt.Errorf("read %s below %s: not a regular file", path, root)
	}
	var text strings.Builder
	if _, err := io.Copy(&text, io.LimitReader(f, maxAccounts)); err != nil {
		return "", fmt.Errorf("read %s below %s: %w", path, root, err)
	}
	return text.String(), nil
}
