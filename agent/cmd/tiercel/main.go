// SPDX-License-Identifier: Apache-2.0

// Command tiercel watches the system calls of a Linux host and reports what
// matches its rules.
package main

import (
	"os"

	"github.com/tiercel/tiercel/agent"
)

func main() { os.Exit(agent.Main(agent.Host())) }
