// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"spawn-shell": {
		"proc.name": "sh", "proc.cmdline": "sh -c exit 0", "proc.pname": "provoke",
		"proc.pcmdline": "provoke spawn-shell", "user.name": "root"},
})
