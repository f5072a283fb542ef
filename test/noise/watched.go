// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/test/vm/disk"
)

// watched does the work under the eyes of an agent.
func (w *work) watched(ctx context.Context, o *options) (r *result, err error) {
	dir, err := os.MkdirTemp("", "tiercel-noise-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	self, err := copySelf(dir)
	if err != nil {
		return nil, err
	}
	root := ""
	if w.debian {
		if root, err = debian(ctx, o.cache, dir); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, unix.Unmount(root, unix.MNT_DETACH)) }()
	}
	log, err := os.Create(filepath.Join(os.TempDir(), "tiercel-noise-"+w.name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := perform(ctx, self, w.before, root, log); err != nil {
		return nil, fmt.Errorf("getting ready: %w (see %s)", err, log.Name())
	}
	a, err := startAgent(o.agent, o.rules)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = perform(ctx, self, w.script, root, log)
	r = &result{name: w.name, what: w.what, took: time.Since(began)}
	lost, stopErr := stopAgent(a)
	r.lost = lost
	for _, al := range a.Alerts() {
		if isOurs(al) {
			r.alerts = append(r.alerts, al)
		}
	}
	if err != nil {
		err = fmt.Errorf("%w (see %s)", err, log.Name())
	}
	return r, errors.Join(err, stopErr)
}

// copySelf puts this program where its name tells alerts of the work from
// others.
func copySelf(dir string) (string, error) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, initName)
	return path, os.WriteFile(path, self, 0o755)
}

// perform runs a script as the work of its own namespaces.
func perform(ctx context.Context, self, script, root string, out io.Writer) error {
	if strings.TrimSpace(script) == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, self, initWord, script, root)
	cmd.Stdout, cmd.Stderr = out, out
	namespaced(cmd)
	// The signal comes when the thread ends that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

// debian mounts a fresh Debian that forgets what is done to it. The one below is
// made once.
func debian(ctx context.Context, cache, dir string) (string, error) {
	base := filepath.Join(cache, disk.Suite)
	if _, err := os.Stat(filepath.Join(base, "usr/bin/apt-get")); err != nil {
		part := base + ".part"
		if err := errors.Join(os.RemoveAll(part), os.MkdirAll(cache, 0o755)); err != nil {
			return "", err
		}
		fmt.Printf("making a Debian in %s\n", base)
		if err := disk.Debootstrap(ctx, part, "ca-certificates,apt-utils"); err != nil {
			return "", err
		}
		if err := os.Rename(part, base); err != nil {
			return "", err
		}
	}
	root := filepath.Join(dir, "root")
	upper, workDir := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{root, upper, workDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", err
		}
	}
	if err := unix.Mount("overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", base, upper, workDir)); err != nil {
		return "", fmt.Errorf("overlay: %w", err)
	}
	resolv, err := os.ReadFile("/etc/resolv.conf")
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "etc/resolv.conf"), resolv, 0o644)
	}
	security := "deb http://deb.debian.org/debian-security bookworm-security main\n"
	return root, errors.Join(err, os.WriteFile(filepath.Join(root, "etc/apt/sources.list.d/security.list"), []byte(security), 0o644))
}
