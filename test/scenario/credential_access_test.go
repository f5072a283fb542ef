// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"read-shadow": {
		"fd.name": "/etc/shadow", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.exepath": "(/usr)?/bin/cat",
		"proc.pname": "provoke", "user.name": "root", "user.uid": "0", "container.id": "host"},
	"read-shadow-as-sshd":    {"proc.name": "sshd", "proc.exepath": "/tmp/.*/sshd"},
	"read-shadow-relatively": {"fd.name": "/etc/shadow"},
	"read-shadow-by-openat2": {"fd.name": "/etc/shadow", "evt.type": "openat2"},
	"read-shadow-by-handle":  {"fd.name": "/etc/shadow", "evt.type": "open_by_handle_at"},
	"link-shadow":            {"evt.abspath.src": "/etc/shadow", "evt.abspath.dst": "/etc/provoked"},
	"rename-shadow":          {"evt.abspath.src": "/etc/shadow", "evt.abspath.dst": "/etc/provoked"},
	"read-environ":           {"fd.name": "/proc/[0-9]+/environ"},
	"read-host-key":          {"fd.name": "/etc/ssh/ssh_host_ed25519_key", "proc.name": "base64"},
})
