// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/test/vm/machine"
)

// kept is what stays of a cell that passed: what it said, and a hash of all that
// its machine was made of.
type kept struct {
	Hash   string
	Commit string // at which it ran
	Again  string
	Said   machine.Said
}

func (c *cell) result() string { return filepath.Join(c.dir, "result.json") }

// hash names what the machine is made of: QEMU, kernel, root, command line.
func (c *cell) hash(m *machine.Machine, sources string) (string, error) {
	qemu, err := exec.CommandContext(context.Background(), m.Arch.Program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", m.Arch.Program, err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\nmemory %d, counting %v, kvm %v\n", qemu, m.Append, m.MiB, m.Count, m.KVM)
	if c.kind.disk { // holds the sources, not what is made of them
		fmt.Fprintln(h, sources)
	}
	for _, path := range append([]string{m.Image}, m.Initramfs...) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// remembered takes the result of an earlier run of the same machine, if it passed.
func (c *cell) remembered(hash string) bool {
	b, err := os.ReadFile(c.result())
	var k kept
	if err != nil || json.Unmarshal(b, &k) != nil || k.Hash != hash {
		return false
	}
	c.said, c.again, c.earlier = k.Said, k.Again, k.Commit
	return true
}

// keep writes the result down, if the cell passed.
func (c *cell) keep(hash, commit string) error {
	if c.err != nil || len(c.said.Failed) > 0 {
		return nil
	}
	said := c.said
	said.Text = ""
	b, err := json.Marshal(kept{Hash: hash, Commit: commit, Again: c.again, Said: said})
	if err != nil {
		return err
	}
	return os.WriteFile(c.result(), b, 0o644)
}

// sources names the sources that are tested: their commit, and a hash of what it
// holds.
func sources() (commit, tree string) {
	git := func(args ...string) string {
		out, err := exec.CommandContext(context.Background(), "git", args...).Output()
		if err != nil {
			return "" // not a clone
		}
		return string(bytes.TrimSpace(out))
	}
	commit = strings.Replace(git("describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"), "-dirty", " with changes", 1)
	if commit == "" {
		commit = "unknown (no clone)"
	}
	return commit, git("rev-parse", "HEAD^{tree}")
}
