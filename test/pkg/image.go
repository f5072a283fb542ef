// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/test/vm/machine"
)

const (
	suite    = "bookworm"
	includes = "systemd,systemd-sysv,kmod,procps,init-system-helpers"
	diskMiB  = 900
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

// makeDisk makes a file system with a Debian that boots with systemd, once.
func makeDisk(ctx context.Context, cache string) (string, error) {
	dir := filepath.Join(cache, "pkgtest-"+suite)
	disk := filepath.Join(dir, "disk")
	return disk, machine.Once(dir, func(dir string) error {
		root := filepath.Join(dir, "root")
		if err := command(ctx, "debootstrap", "--variant=minbase", "--include="+includes, suite, root, "http://deb.debian.org/debian"); err != nil {
			if strings.Contains(err.Error(), "Release") || strings.Contains(err.Error(), "download") {
				err = unreachableError{err}
			}
			return errors.Join(err, os.RemoveAll(dir))
		}
		if err := furnish(root); err != nil {
			return err
		}
		size := fmt.Sprintf("%dM", diskMiB)
		if err := command(ctx, "mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-d", root, filepath.Join(dir, "disk"), size); err != nil {
			return err
		}
		return os.RemoveAll(root)
	})
}

// unreachableError says that debootstrap got nothing from Debian's archive.
type unreachableError struct{ error }

// furnish makes a machine of a root.
func furnish(root string) error {
	for _, dir := range []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	for name, text := range additions {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/machine-id"), []byte("0123456789abcdef0123456789abcdef\n"), 0o444); err != nil {
		return err
	}
	out, err := exec.Command("chroot", root, "sh", "-ec", `useradd -u 1234 -m -s /bin/sh alice
		systemctl enable pkgtest.service
		systemctl mask serial-getty@.service getty@.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-firstboot.service
		ln -sf /dev/null /etc/systemd/system/systemd-networkd-wait-online.service
		depmod -a 2>/dev/null || true`).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
