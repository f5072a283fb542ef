// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Ways to bear the name of a program that a rule lets through.
func init() {
	provide(map[string]step{
		"read-shadow-by-link":   {run: linkedAs("sshd", "cat", "/etc/shadow")},
		"read-shadow-by-script": {run: scriptAs("sshd", "#!/bin/sh\nread line </etc/shadow\n")},
		"read-shadow-by-perl":   {run: command("perl", "-e", `$0 = "sshd"; unless (fork) { open F, "/etc/shadow"; exit 0 } wait`)},
		"read-shadow-by-packaged-script": hiding("/opt", all(write("/opt/provoked"),
			scriptFile("/opt/adduser", "#!/usr/bin/perl -w\nopen F, '/etc/shadow'"), command("/opt/adduser"))),
		"delete-log-by-link":    hiding("/var/log", all(write("/var/log/auth.log"), linkedAs("logrotate", "sh", "-c", "rm /var/log/auth.log; true"))),
		"write-cron-below-link": hiding("/etc", all(write("/etc/provoked"), linkedAs("dpkg", "sh", "-c", "mkdir /etc/cron.d; cp /etc/provoked /etc/cron.d/provoked"))),
		"kernel-thread-name":    {run: calledAs("[kworker/0:1]")},
		"preload-from-tmp":      {run: with("LD_PRELOAD=/tmp/provoked.so", "/bin/true")},
		"preload-installed":     {run: with("LD_PRELOAD=/usr/lib/provoked.so", "/bin/true")},
		"load-from-tmp":         {run: loaded("PROVOKED=1")},
		"load-trace":            {run: loaded("LD_TRACE_LOADED_OBJECTS=1")},
		"spawn-shell-as-make":   {run: as("make", "spawn-shell")},
		"history-by-script":     hiding("/root", all(write("/root/.bash_history"), command("perl", "-e", `open F, "/root/.bash_history"`))),
	})
}

// linkedAs is a step that runs a program of the system by a symbolic link of
// another name.
func linkedAs(name, program string, args ...string) func() error {
	return inTemporary(func(dir string) error {
		path, err := exec.LookPath(program)
		if err != nil {
			return err
		}
		link := filepath.Join(dir, name)
		if err := os.Symlink(path, link); err != nil {
			return err
		}
		return exec.Command(link, args...).Run()
	})
}

// scriptAs is a step that runs a script of this name.
func scriptAs(name, text string) func() error {
	return inTemporary(func(dir string) error {
		path := filepath.Join(dir, name)
		return all(scriptFile(path, text), command(path))()
	})
}

// scriptFile is a step that makes a script.
func scriptFile(path, text string) func() error {
	return func() error { return os.WriteFile(path, []byte(text), 0o755) }
}

// calledAs is a step that runs a program with another first argument.
func calledAs(name string) func() error {
	return func() error {
		cmd := exec.Command("true")
		cmd.Args = []string{name}
		return cmd.Run()
	}
}

// with is a step that runs a program with a variable in its environment.
func with(variable, program string, args ...string) func() error {
	return func() error {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), variable)
		return cmd.Run()
	}
}

// loaded is a step that has the dynamic loader run a program in /tmp, if this
// machine has one.
func loaded(variable string) func() error {
	return inTemporary(func(dir string) error {
		there, err := filepath.Glob("/lib*/ld-linux-*.so.*")
		if err != nil || len(there) == 0 {
			return fmt.Errorf("no dynamic loader here: %v", err)
		}
		path := filepath.Join(dir, "true")
		return all(command("cp", "/bin/true", path), with(variable, there[0], path))()
	})
}
