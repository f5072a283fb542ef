// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"fmt"

	"github.com/tiercel/tiercel/rules"
)

// A ruleset comes of files, or a report says why it does not.
func ExampleLoad() {
	files := []rules.File{{Name: "rules.yaml", Content: []byte(`
- macro: spawned
  condition: evt.type in (execve, execveat)
- rule: Shell
  desc: somebody starts a shell
  condition: spawned and proc.name = bash
  output: shell by %user.name
  priority: NOTICE
`)}}
	set, report := rules.Load(files, rules.Options{})
	if set == nil {
		fmt.Println(report.Err())
		return
	}
	for _, n := range set.Needs() {
		fmt.Println(n.Syscall, "for", n.Rules[0].Name)
	}
	// Output:
	// execve for Shell
	// execveat for Shell
}

// Hints name the place as editors count, and what was probably meant.
func ExampleReport_Hints() {
	files := []rules.File{{Name: "rules.yaml", Content: []byte(`
- rule: Shell
  desc: somebody starts a shell
  condition: evt.type = execve and proc.nmae = bash
  output: shell
  priority: NOTICE
`)}}
	_, report := rules.Load(files, rules.Options{})
	for _, h := range report.Hints() {
		fmt.Println(h)
	}
	// Output:
	// rules.yaml:4:36, rule 'Shell': filter_check called with nonexistent field proc.nmae (did you mean 'proc.name'?)
}
