// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"hide-process":         {"fs.path.target": "/proc/1", "proc.name": "provoke"},
	"memfd-exec":           {"proc.exepath": "/?memfd:provoked", "proc.pname": "provoke", "user.name": "root"},
	"memfd-execveat":       {"proc.exepath": "/?memfd:provoked", "user.name": "root"},
	"deleted-exec":         {"proc.exe": "/proc/[0-9]+/fd/[0-9]+", "proc.exepath": "/.*/gone", "proc.pname": "provoke"},
	"deleted-exec-by-pid":  {"proc.exe": "/proc/[0-9]+/exe", "proc.exepath": "/.*/gone"},
	"hidden-exec":          {"proc.exepath": "/dev/shm/provoked", "proc.name": "provoked", "proc.pname": "provoke"},
	"hidden-script":        {"proc.cmdline": "provoked /dev/shm/provoked", "proc.pname": "provoke"},
	"delete-log":           {"fs.path.name": "/var/log/auth\\.log", "evt.type": "unlink(at)?", "proc.name": "provoke"},
	"truncate-log":         {"fs.path.name": "/var/log/auth\\.log", "proc.name": "provoke"},
	"truncate-command-log": {"fs.path.name": "/var/log/wtmp", "proc.cmdline": "truncate -s 0 /var/log/wtmp"},
	"truncate-history":     {"fs.path.name": "/root/\\.bash_history", "proc.name": "bash"},
	"null-history":         {"evt.abspath.dst": "/root/\\.bash_history", "evt.type": "symlink(at)?"},
	"kill-agent":           {"evt.arg.sig": "SIGKILL", "evt.arg.pid": "auditd", "proc.name": "provoke"},
	"stop-auditd":          {"proc.cmdline": "systemctl disable --now auditd\\.service"},
	"alias-shadow":         {"fs.path.target": "/etc/shadow", "fs.path.source": "/.*/alias"},
	"hardlink-preload":     {"fs.path.target": "/etc/ld\\.so\\.preload", "fs.path.source": "/etc/x"},
})
