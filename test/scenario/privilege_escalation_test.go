// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"setuid-bit": {
		"fs.path.name": "/.*/tiercel-provoke-[0-9]+", "evt.arg.mode": ".*S_ISUID.*", "proc.name": "chmod",
		"proc.cmdline": "chmod u\\+s /.*", "proc.pname": "provoke", "user.name": "root"},
	"ptrace": {
		"evt.arg.request": "PTRACE_ATTACH", "proc.name": "provoke", "user.name": "root"},
	"load-module": {
		"evt.res": "E[A-Z]+", "proc.name": "provoke", "proc.cmdline": "provoke load-module", "user.name": "root"},
})
