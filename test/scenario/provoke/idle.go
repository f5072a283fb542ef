// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Many rules go by the name and the arguments of a program. A stand-in is this
// program under that name: it does nothing at all, so that steps may use
// arguments that would do harm, and need no tool to be installed.

// idleMark in the environment makes this program a stand-in.
const idleMark = "PROVOKE_IDLE"

func init() {
	if os.Getenv(idleMark) != "" {
		os.Exit(0)
	}
}

// standIn is a command that runs a stand-in. Its folder is to be removed.
func standIn(name string, args ...string) (cmd *exec.Cmd, dir string, err error) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, "", err
	}
	if dir, err = os.MkdirTemp("", "tiercel-provoke-"); err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, name)
	if err := os.Symlink(self, path); err != nil {
		os.RemoveAll(dir)
		return nil, "", err
	}
	cmd = exec.Command(path, args...)
	cmd.Env = append(os.Environ(), idleMark+"=1")
	return cmd, dir, nil
}

// named is a step that runs a stand-in.
func named(name string, args ...string) func() error { return namedIn("", name, args...) }

// namedIn is a step that runs a stand-in in a folder.
func namedIn(folder, name string, args ...string) func() error {
	return func() error {
		cmd, dir, err := standIn(name, args...)
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		cmd.Dir = folder
		return cmd.Run()
	}
}

// namedAs is a step that runs a stand-in with a user's number.
func namedAs(uid uint32, name string, args ...string) func() error {
	return func() error {
		// The user must reach the program: it cannot be a link into a folder of root's.
		cmd, dir, err := standIn(name, args...)
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := os.Remove(cmd.Path); err != nil {
			return err
		}
		if err := all(copySelf(cmd.Path), func() error { return os.Chmod(dir, 0o755) })(); err != nil {
			return err
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd.Run()
	}
}

// copySelf is a step that copies this program.
func copySelf(path string) func() error {
	return func() error {
		self, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			return err
		}
		return os.WriteFile(path, self, 0o755)
	}
}

// there is a step that makes a file without opening it.
func there(path string) func() error {
	return func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return unix.Mknod(path, unix.S_IFREG|0o600, 0)
	}
}

// look is a step that opens a file for reading, which is made before.
func look(path string) func() error { return all(there(path), read(path)) }

// moved is a step that writes a file and renames it from folder to folder.
func moved(from, to string) func() error {
	return all(write(from), func() error {
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.Rename(from, to)
	})
}

// inTemporary is a step in a folder of its own.
func inTemporary(what func(dir string) error) func() error {
	return func() error {
		dir, err := os.MkdirTemp("", "tiercel-provoke-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		return what(dir)
	}
}
