// SPDX-License-Identifier: Apache-2.0

// Command gen writes the units beside their template.
package main

import (
	"fmt"
	"os"

	"github.com/tiercel/tiercel/packaging/systemd"
)

func main() {
	for _, u := range systemd.Units {
		text, err := u.Text()
		if err == nil {
			err = os.WriteFile(u.Name+".service", text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
