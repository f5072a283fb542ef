// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// What steps of several tactics are made of.

// as runs another provocation from a copy of this program with another name.
func as(name, what string) func() error {
	return func() error {
		if what == "dial" {
			l, err := listen()
			if err != nil {
				return err
			}
			defer l.Close()
		}
		self, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "tiercel-provoke-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		bin := filepath.Join(dir, name)
		if err := os.WriteFile(bin, self, 0o755); err != nil {
			return err
		}
		return exec.Command(bin, what).Run()
	}
}

// installed is like as, but the copy lies where only root can put programs.
// It must not hide that folder itself.
func installed(name, what string) func() error {
	return func() error {
		const dir = "/opt"
		if err := prepare(step{isolated: true, empty: []string{dir}}); err != nil {
			return err
		}
		return all(copySelf(filepath.Join(dir, name)), command(filepath.Join(dir, name), what))()
	}
}

// write is a step that writes a file.
func write(path string) func() error {
	return func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte("# provoked\n"), 0o600)
	}
}

// renamed is a step that makes a file elsewhere in the folder and gives it its
// name afterwards, as editors and package managers do.
func renamed(path string) func() error {
	return func() error {
		other := path + ".provoked-before"
		return all(write(other), func() error { return os.Rename(other, path) })()
	}
}

// linked is a step that puts a file in place by a hard link.
func linked(path string) func() error {
	return func() error {
		other := path + ".provoked-before"
		return all(write(other), func() error { return os.Link(other, path) })()
	}
}

// symlinked is a step that puts a symbolic link in place.
func symlinked(path string) func() error {
	return func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.Symlink("/nowhere/provoked", path)
	}
}

// read is a step that opens files for reading and closes them.
func read(paths ...string) func() error {
	return func() error {
		for _, p := range paths {
			f, err := os.Open(p)
			if err != nil {
				return err
			}
			f.Close()
		}
		return nil
	}
}

// command is a step that runs a program.
func command(name string, args ...string) func() error {
	return func() error { return exec.Command(name, args...).Run() }
}

// all is a step of several parts.
func all(parts ...func() error) func() error {
	return func() error {
		for _, p := range parts {
			if err := p(); err != nil {
				return err
			}
		}
		return nil
	}
}

// refused is a step that the kernel must not let succeed.
func refused(what func() error) func() error {
	return func() error {
		if what() == nil {
			return fmt.Errorf("was let do what must fail")
		}
		return nil
	}
}

// open is a step that opens a file and closes it.
func open(path string, flags int) func() error {
	return func() error {
		f, err := os.OpenFile(path, flags, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
}
