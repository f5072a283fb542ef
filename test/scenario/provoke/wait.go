// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"time"
)

func init() {
	provide(map[string]step{"wait": {run: wait}})
}

// wait says that it runs and waits to be killed, not longer than any test.
func wait() error {
	if _, err := os.Stdout.WriteString("."); err != nil {
		return err
	}
	time.Sleep(20 * time.Second)
	return nil
}
