// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"fmt"

	"github.com/tiercel/tiercel/sinsp/filter"
)

func ExampleParse() {
	n, err := filter.Parse("evt.type in (open,openat) and not proc.name='my shell'")
	fmt.Println(n, err)
	_, err = filter.Parse("evt.type = open and")
	fmt.Println(err)
	// Output:
	// (evt.type in (open, openat) and not proc.name = "my shell") <nil>
	// 1:20: expected blank or '(' after 'and' (there is nothing behind it)
}

// Macros are identifiers in the tree until somebody replaces them.
func ExampleRewrite() {
	cond, _ := filter.Parse("spawned_process and proc.name = nc")
	macro, _ := filter.Parse("evt.type in (execve, execveat)")
	cond, _ = filter.Rewrite(cond, func(n filter.Node) (filter.Node, error) {
		if id, ok := n.(*filter.Identifier); ok && id.Name == "spawned_process" {
			return macro, nil
		}
		return n, nil
	})
	fmt.Println(cond)
	// Output:
	// (evt.type in (execve, execveat) and proc.name = nc)
}
