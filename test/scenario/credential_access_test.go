// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"read-shadow": {
		"fd.name": "/etc/shadow", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.exepath": "(/usr)?/bin/cat",
		"proc.pname": "provoke", "user.name": "root", "user.uid": "0", "container.id": "host"},
})
