// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"write-binary": {
		"fd.name": "/usr/local/bin/tiercel-provoked", "evt.arg.flags": ".*O_WRONLY.*", "proc.name": "provoke"},
	"write-ssh-key": {
		"proc.name": "provoke"},
	"write-cron": {
		"fd.name": "/etc/cron\\.d/tiercel-provoked", "proc.name": "provoke"},
	"write-preload": {
		"fd.name": "/etc/ld\\.so\\.preload", "proc.name": "provoke"},
})
