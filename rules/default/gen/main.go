// SPDX-License-Identifier: Apache-2.0

// Command gen writes the catalogue of the default rules into docs/rules.md. It
// is run in the folder above it, by go generate.
package main

import (
	"fmt"
	"os"

	"github.com/tiercel/tiercel/rules/default/catalog"
)

const page = "../../docs/rules.md"

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write() error {
	tactics, _, err := catalog.Load()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := catalog.Put(string(old), catalog.Markdown(tactics))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}
