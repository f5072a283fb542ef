// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tiercel/tiercel/test/vm/machine"
)

func (c *cell) outcome() string {
	outcome := "ok: " + strings.Join(c.said.Passed, ", ")
	if errors.Is(c.err, errNotRun) {
		outcome = "not run"
	} else if c.err != nil {
		outcome = "crashed"
	} else if len(c.said.Failed) > 0 {
		outcome = "failed: " + machine.Tail(strings.Join(c.said.Failed, "; "), 1000)
	}
	if c.again != "" {
		outcome += " (" + c.again + ")"
	}
	return outcome
}

// report prints the console of each cell that failed, and the matrix.
func report(cells []*cell, commit string, absent []error) error {
	var bad []string
	for _, c := range cells {
		if c.err == nil && len(c.said.Failed) == 0 {
			continue
		}
		bad = append(bad, c.kernel.Release+" "+c.kind.name)
		if errors.Is(c.err, errNotRun) {
			continue
		}
		fmt.Printf("--- %s %s: the end of its console; all of it is in %s\n%s\n", c.kernel.Release, c.kind.name, c.console(), machine.Tail(c.said.Text, 8000))
	}
	fmt.Printf("\n%s\n", table(cells, commit))
	for _, err := range absent {
		fmt.Println(strings.Join(strings.Fields(err.Error()), " "))
	}
	for _, c := range cells {
		for _, what := range c.said.Notes {
			fmt.Printf("%s %s: %s\n", c.kernel.Release, c.kind.name, what)
		}
		if c.again != "" {
			fmt.Printf("%s %s was %s\n", c.kernel.Release, c.kind.name, c.again)
		}
	}
	if len(bad) > 0 {
		return &failedError{fmt.Errorf("%d of %d cells failed: %s", len(bad), len(cells), strings.Join(bad, ", "))}
	}
	return nil
}
