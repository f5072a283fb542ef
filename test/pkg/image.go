// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tiercel/tiercel/test/vm/disk"
)

// additions are what the machines have besides Debian: users, the unit that
// lives the story, and no waiting for what is not there.
var additions = map[string]string{
	"etc/systemd/system/pkgtest.service": "[Unit]\nDescription=a story of packages\nAfter=basic.target dbus.service\n\n" +
		"[Service]\nExecStart=/srv/pkgtest/guest\n\n[Install]\nWantedBy=multi-user.target\n",
	"etc/hostname": "pkgtest\n",
	"etc/hosts":    "127.0.0.1 localhost pkgtest\n",
	"etc/fstab":    "",
}

// debian is that of the machines.
var debian = disk.Debian{
	Include: "systemd,systemd-sysv,kmod,procps,init-system-helpers", MiB: 900, Options: []string{"-O", "^has_journal"}, Furnish: furnish,
}

// furnish makes a machine of a root.
func furnish(ctx context.Context, root string) error {
	for _, dir := range []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	if err := disk.WriteFiles(root, additions); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "etc/machine-id"), []byte("0123456789abcdef0123456789abcdef\n"), 0o444); err != nil {
		return err
	}
	return disk.Command(ctx, "chroot", root, "sh", "-ec", `useradd -u 1234 -m -s /bin/sh alice
		systemctl enable pkgtest.service
		systemctl mask serial-getty@.service getty@.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-firstboot.service
		ln -sf /dev/null /etc/systemd/system/systemd-networkd-wait-online.service
		depmod -a 2>/dev/null || true`)
}
