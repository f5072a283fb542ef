// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/cmdline"
)

// process puts a process into a folder like /proc.
func process(t *testing.T, proc, pid, exe string, args ...string) {
	t.Helper()
	dir := filepath.Join(proc, pid)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	line := ""
	if len(args) > 0 {
		line = strings.Join(args, "\x00") + "\x00"
	}
	if err := errors.Join(os.Symlink(exe, filepath.Join(dir, "exe")), os.WriteFile(filepath.Join(dir, "cmdline"), []byte(line), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestHealthAsksTheAgentThatRuns(t *testing.T) {
	proc := t.TempDir()
	ours, theirs := filepath.Join(proc, "tiercel"), filepath.Join(proc, "init")
	for _, file := range []string{ours, theirs} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process(t, proc, "self", ours)
	process(t, proc, "1", theirs, "/sbin/docker-init", "--", "/usr/bin/tiercel", "-c", "/of/init.yaml")
	process(t, proc, "9", ours, "tiercel", "health", "-c", "/another/check.yaml")
	process(t, proc, "8", filepath.Join(proc, "gone"), "tiercel", "-c", "/gone.yaml")
	process(t, proc, "10", ours) // one that ends has no command line any more
	if err := likeRunning(proc, &cmdline.Options{}); !errors.Is(err, errNotRunning) {
		t.Fatalf("only health checks run, and one was found: %v", err)
	}

	process(t, proc, "11", ours, "tiercel", "-c", "/mine.yaml", "-o", "webserver.listen_port=9000", "--driver", "kmod")
	o := &cmdline.Options{Overrides: []string{"webserver.listen_port=9001"}}
	if err := likeRunning(proc, o); err != nil {
		t.Fatal(err)
	}
	if want := []string{"engine.kind=kmod", "webserver.listen_port=9000", "webserver.listen_port=9001"}; o.ConfigFile != "/mine.yaml" || !slices.Equal(o.Overrides, want) {
		t.Errorf("%s %q, want /mine.yaml %q", o.ConfigFile, o.Overrides, want)
	}
	o = &cmdline.Options{ConfigFile: "/own.yaml"}
	if err := likeRunning(proc, o); err != nil || o.ConfigFile != "/own.yaml" {
		t.Errorf("%s, %v: want the file that was given", o.ConfigFile, err)
	}
}
