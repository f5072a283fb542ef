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
	"setuid-bit-by-open":      {"fs.path.name": "/.*/provoked", "evt.arg.mode": "04755"},
	"load-module-as-modprobe": {"proc.name": "modprobe", "proc.exepath": "/tmp/.*/modprobe"},
	"load-bpf":                {"evt.arg.cmd": "BPF_PROG_LOAD", "evt.res": "E[A-Z0-9]+"},
	"userfaultfd-of-nobody":   {"user.uid": "65534"},
	"user-namespace-by-clone": {"user.uid": "65534", "evt.arg.flags": ".*CLONE_NEWUSER.*"},
	"rename-sudoers":          {"evt.abspath.dst": "/etc/sudoers.d/provoked", "evt.abspath.src": "/etc/provoked"},
})
