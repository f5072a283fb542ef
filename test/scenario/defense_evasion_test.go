// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"memfd-exec": {
		"proc.exepath": "/?memfd:provoked", "proc.pname": "provoke", "user.name": "root"},
	"hidden-exec": {
		"proc.exepath": "/dev/shm/provoked", "proc.name": "provoked", "proc.pname": "provoke"},
	"delete-log": {
		"fs.path.name": "/var/log/provoked\\.log", "proc.name": "provoke"},
	"truncate-log": {
		"fd.name": "/var/log/provoked\\.log", "proc.name": "provoke"},
})
