// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hiding is a step that has one folder to itself.
func hiding(dir string, run func() error) step {
	return step{run: run, isolated: true, empty: []string{dir}}
}

func init() {
	provide(map[string]step{
		"write-preload":           hiding("/etc", write("/etc/ld.so.preload")),
		"rename-preload":          hiding("/etc", moved("/etc/provoked", "/etc/ld.so.preload")),
		"link-preload":            hiding("/etc", linked("/etc/ld.so.preload")),
		"creat-preload":           hiding("/etc", creatPreload),
		"write-ld-cache":          hiding("/etc", write("/etc/ld.so.cache")),
		"write-binary":            hiding("/usr/local", write("/usr/local/bin/tiercel-provoked")),
		"rename-binary":           hiding("/usr/local", moved("/usr/local/provoked", "/usr/local/bin/tiercel-provoked")),
		"read-binary":             hiding("/usr/local", look("/usr/local/bin/tiercel-provoked")),
		"pip-binary":              {run: installed("pip", "write-binary")},
		"write-program-below-lib": hiding("/usr/share", copySelf("/usr/share/sshd")),
		"write-data-below-lib":    hiding("/usr/share", write("/usr/share/data")),
		"add-root-account":        {run: named("useradd", "-o", "-u", "0", "-g", "0", "provoked")},
		"add-account":             {run: named("useradd", "-u", "1000", "-U", "provoked")},
		"write-ssh-key":           hiding("/root", write("/root/.ssh/authorized_keys")),
		"rename-ssh-key":          hiding("/root", renamed("/root/.ssh/authorized_keys")),
		"link-ssh-key":            hiding("/root", linked("/root/.ssh/authorized_keys")),
		"openat2-ssh-key":         hiding("/root", openat2SSHKey),
		"write-known-hosts":       hiding("/root", write("/root/.ssh/known_hosts")),
		"write-cron":              hiding("/etc", write("/etc/cron.d/tiercel-provoked")),
		"rename-cron":             hiding("/etc", moved("/etc/provoked", "/etc/cron.daily/tiercel-provoked")),
		"crontab":                 {run: as("crontab", "rename-crontab")},
		"rename-crontab":          hiding("/var/spool", moved("/var/spool/cron/crontabs/tmp.X", "/var/spool/cron/crontabs/root")),
		"write-cron-as-dpkg":      {run: as("dpkg", "write-cron")},
		"dpkg-cron":               {run: installed("dpkg", "write-cron")},
		"write-cron-below-dpkg":   {run: as("dpkg", "write-cron-by-shell")},
		"write-cron-by-shell":     hiding("/etc", all(write("/etc/provoked"), command("sh", "-c", "mkdir /etc/cron.d; : >/etc/cron.d/provoked"))),
		"write-passwd-as-useradd": {run: as("useradd", "write-passwd")},
		"open-shadow-both-ways":   hiding("/etc", all(write("/etc/provoked"), open("/etc/shadow", os.O_RDWR|os.O_CREATE))),
		"read-cron":               hiding("/etc", look("/etc/crontab")),
		"write-unit":              hiding("/etc", write("/etc/systemd/system/provoked.timer")),
		"link-unit":               hiding("/etc", symlinked("/etc/systemd/system/multi-user.target.wants/provoked.service")),
		"write-user-unit":         hiding("/root", write("/root/.config/systemd/user/provoked.service")),
		"write-rc-local":          hiding("/etc", write("/etc/rc.local")),
		"read-unit":               hiding("/etc", look("/etc/systemd/system/provoked.service")),
		"write-profile":           hiding("/etc", write("/etc/profile.d/provoked.sh")),
		"rename-bashrc":           hiding("/root", moved("/root/provoked", "/root/.bashrc")),
		"read-etc-profile":        hiding("/etc", look("/etc/profile")),
		"write-pam":               hiding("/etc", write("/etc/pam.d/sshd")),
		"rename-pam-module":       hiding("/usr/lib", moved("/usr/lib/provoked", "/usr/lib/x86_64-linux-gnu/security/pam_provoked.so")),
		"write-sshd-config":       hiding("/etc", write("/etc/ssh/sshd_config.d/provoked.conf")),
		"read-pam":                hiding("/etc", look("/etc/pam.d/sshd")),
		"write-passwd":            hiding("/etc", write("/etc/passwd")),
		"rename-passwd":           hiding("/etc", moved("/etc/passwd.provoked", "/etc/passwd")),
		"read-passwd":             {run: read("/etc/passwd", "/etc/group")},
		"useradd-passwd":          {run: installed("useradd", "write-passwd")},
		"write-udev":              hiding("/etc", write("/etc/udev/rules.d/99-provoked.rules")),
		"write-motd":              hiding("/etc", write("/etc/update-motd.d/99-provoked")),
		"write-apt-hook":          hiding("/etc", write("/etc/apt/apt.conf.d/99provoked")),
		"write-sitecustomize":     hiding("/usr/lib", write("/usr/lib/python3/dist-packages/sitecustomize.py")),
		"read-udev":               hiding("/etc", look("/etc/udev/rules.d/99-provoked.rules")),
	})
}

// creatPreload uses the call creat, which has no flags.
func creatPreload() error {
	fd, err := unix.Creat("/etc/ld.so.preload", 0o644)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// openat2SSHKey uses openat2, from a folder, by a way with dots.
func openat2SSHKey() error {
	if err := os.MkdirAll("/root/.ssh", 0o700); err != nil {
		return err
	}
	dir, err := unix.Open("/root/.ssh", unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, "../.ssh/./authorized_keys", &unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CREAT, Mode: 0o600})
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
