// SPDX-License-Identifier: Apache-2.0

// Command gen writes what is made of the table of configuration keys: the
// example configuration, and the table in the documentation, which stands
// there between two comments. It runs in the folder of the package config.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/tiercel/tiercel/agent/config"
)

const (
	example = "tiercel.yaml"
	page    = "../../docs/configuration.md"
	begin   = "<!-- keys -->\n"
	end     = "<!-- end of keys -->\n"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate() error {
	if err := os.WriteFile(example, config.Example(), 0o644); err != nil {
		return err
	}
	text, err := os.ReadFile(page)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	head, rest, ok1 := bytes.Cut(text, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for the keys: it needs the lines %q and %q", page, begin, end)
	}
	out := append(append(append([]byte{}, head...), begin+"\n"+config.MarkdownTable()+"\n"+end...), tail...)
	return os.WriteFile(page, out, 0o644)
}
