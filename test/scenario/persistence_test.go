// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"write-preload":     {"fd.name": "/etc/ld\\.so\\.preload", "proc.name": "provoke"},
	"rename-preload":    {"evt.abspath.dst": "/etc/ld\\.so\\.preload", "evt.type": "rename.*"},
	"link-preload":      {"evt.abspath.dst": "/etc/ld\\.so\\.preload", "evt.type": "link.*"},
	"creat-preload":     {"fd.name": "/etc/ld\\.so\\.preload", "proc.name": "provoke"},
	"write-binary":      {"fd.name": "/usr/local/bin/tiercel-provoked", "proc.name": "provoke"},
	"rename-binary":     {"evt.abspath.dst": "/usr/local/bin/tiercel-provoked", "evt.type": "rename.*"},
	"write-ssh-key":     {"fd.name": "/root/\\.ssh/authorized_keys", "proc.name": "provoke"},
	"rename-ssh-key":    {"evt.abspath.dst": "/root/\\.ssh/authorized_keys", "evt.type": "rename.*"},
	"link-ssh-key":      {"evt.abspath.dst": "/root/\\.ssh/authorized_keys", "evt.type": "link.*"},
	"openat2-ssh-key":   {"fd.name": "/root/\\.ssh/authorized_keys", "evt.type": "openat2"},
	"write-cron":        {"fd.name": "/etc/cron\\.d/tiercel-provoked", "proc.name": "provoke"},
	"rename-cron":       {"evt.abspath.dst": "/etc/cron\\.daily/tiercel-provoked", "evt.type": "rename.*"},
	"crontab":           {"evt.abspath.dst": "/var/spool/cron/crontabs/root", "proc.name": "crontab"},
	"write-unit":        {"fd.name": "/etc/systemd/system/provoked\\.timer"},
	"link-unit":         {"evt.abspath.dst": "/etc/systemd/system/multi-user\\.target\\.wants/provoked\\.service", "evt.type": "symlink.*"},
	"write-user-unit":   {"fd.name": "/root/\\.config/systemd/user/provoked\\.service"},
	"write-profile":     {"fd.name": "/etc/profile\\.d/provoked\\.sh"},
	"rename-bashrc":     {"evt.abspath.dst": "/root/\\.bashrc", "evt.type": "rename.*"},
	"rename-pam-module": {"evt.abspath.dst": ".*/security/pam_provoked\\.so", "evt.type": "rename.*"},
	"rename-passwd":     {"evt.abspath.dst": "/etc/passwd", "evt.type": "rename.*"},
})
