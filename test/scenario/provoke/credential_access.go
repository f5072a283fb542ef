// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
)

func init() {
	provide(map[string]step{
		"read-shadow":  {run: command("cat", "/etc/shadow")},
		"benign-reads": {run: benignReads},
	})
}

// benignReads opens files that resemble the watched ones and must raise nothing.
func benignReads() error {
	for _, path := range []string{"/etc/passwd", "/etc/hosts"} {
		if _, err := os.ReadFile(path); err != nil {
			return err
		}
	}
	if _, err := os.ReadFile("/etc/shadow-that-is-not-there"); err == nil {
		return fmt.Errorf("found a file that should not exist")
	}
	return exec.Command("true").Run()
}
