// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"fmt"

	"github.com/tiercel/tiercel/sinsp/fields/fieldtest"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

func ExampleCompile() {
	cat, err := fieldtest.Mock(map[string]any{"proc.name": "bash", "fd.name": "/etc/shadow"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{
		"fd.name startswith /etc and not proc.name in (sshd, sudo)",
		"proc.nme = bash",
		"proc.pid contains 1",
	} {
		n, err := filter.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		cond, _, err := program.Compile(cat, n)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(cond.Eval(nil))
	}
	// Output:
	// true
	// 1:1: filter_check called with nonexistent field proc.nme
	// 1:10: filter error: 'contains' operator not supported for numeric filters (proc.pid takes exists, =, !=, <, <=, >, >=, in, intersects)
}
