// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/live/agent"
	"github.com/tiercel/tiercel/test/vm/disk"
	"github.com/tiercel/tiercel/test/vm/machine"
)

const (
	// bootTime is how long a machine may take until it is idle, in emulation.
	bootTime = 5 * time.Minute
	settle   = 40 * time.Second
	// startAt is shortly before a Monday, so timers of a day and of a week fall
	// into the hour. For cron it is 18 hours earlier: Sunday, the first, before
	// its work of an hour (6:17), a day (6:25), a week (6:47) and a month (6:52).
	startAt = "2027-08-01T23:53:00"

	idlePackages = "systemd,systemd-sysv,dbus,udev,kmod,procps,cron,logrotate,rsyslog,openssh-server,man-db,apt-utils,ca-certificates,iproute2,e2fsprogs,util-linux,passwd,login,unattended-upgrades"

	place   = "/srv/noise/"
	ranMark = "@@RAN "
	mark    = "@@ALERT "
)

// arranged is what makes an hour as full as a month: every timer comes when it is
// due and not up to half a day later, and logs are old enough to be rotated.
var arranged = map[string]string{
	"etc/default/cron":         "TZ=early18\nREAD_ENV=yes\n",
	"var/lib/logrotate/status": "logrotate state -- version 2\n" + oldLogs("syslog", "auth.log", "kern.log", "cron.log", "user.log", "dpkg.log", "apt/term.log", "wtmp", "btmp"),
	due("apt-daily"):           timer("00:20"),
	due("apt-daily-upgrade"):   timer("00:25"),
	due("e2scrub_all"):         timer("00:30"),
	due("fstrim"):              timer("Mon *-*-* 00:00"),
	due("dpkg-db-backup"):      timer("00:00"),
	due("logrotate"):           timer("00:00"),
	due("man-db"):              timer("00:00"),
}

func due(unit string) string { return "etc/systemd/system/" + unit + ".timer.d/due.conf" }

func timer(at string) string {
	return "[Timer]\nOnCalendar=\nOnCalendar=" + at + "\nRandomizedDelaySec=0\nAccuracySec=1s\n"
}

func oldLogs(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%q 2027-6-1-0:0:0\n", "/var/log/"+n)
	}
	return b.String()
}

// watchIdle boots a Debian with its usual services and timers, and lets an agent
// watch it do nothing.
func watchIdle(ctx context.Context, o *options) error {
	rows, err := machine.Named([]string{"6.1"})
	if err != nil {
		return err
	}
	kernel, err := machine.FetchKernel(o.cache, rows[0])
	if err != nil {
		return err
	}
	file, err := idleDebian.Make(ctx, filepath.Join(o.cache, "idle-"+disk.Suite))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tiercel-noise-idle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	initramfs := filepath.Join(dir, "initramfs")
	if err := idleInitramfs(initramfs, kernel, o); err != nil {
		return err
	}
	m := disk.Machine(kernel, file, initramfs, "")
	m.Console, m.Time = filepath.Join(dir, "console"), o.idle+bootTime+settle
	m.Extra = append(m.Extra, "-rtc", "base="+startAt)
	runErr := m.Run(ctx)
	if errors.Is(runErr, machine.ErrSilent) { // a start that QEMU lost
		runErr = m.Run(ctx)
	}
	r, err := readIdle(m.Console)
	if err == nil {
		r.took = o.idle
		r.print(os.Stdout, true)
	}
	return errors.Join(runErr, err)
}

// readIdle reads the alerts off the machine's console.
func readIdle(path string) (*result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &result{name: "idle", what: "a Debian with systemd, cron, sshd, rsyslog and their timers, over midnight"}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	done := false
	var text []string
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		text = append(text, line)
		// A login prompt may stand before it.
		if _, rest, ok := strings.Cut(line, mark); ok {
			a := new(agent.Alert)
			if err := json.Unmarshal([]byte(rest), a); err != nil {
				return nil, fmt.Errorf("%w: %s", err, rest)
			}
			r.alerts = append(r.alerts, a)
		}
		if _, what, ok := strings.Cut(line, ranMark); ok {
			r.ran = append(r.ran, what)
		}
		if _, lost, ok := strings.Cut(line, "@@DONE "); ok {
			r.lost, done = lost, true
		}
	}
	if !done {
		return nil, fmt.Errorf("the machine did not come to its end:\n%s", machine.Tail(strings.Join(text, "\n"), 3000))
	}
	return r, lines.Err()
}

// idleDebian is that of the machine, with a unit that watches it.
var idleDebian = disk.Debian{
	Include: idlePackages, MiB: 1500,
	Furnish: func(ctx context.Context, root string) error {
		if err := disk.WriteFiles(root, map[string]string{
			"etc/hostname": "idle\n", "etc/hosts": "127.0.0.1 localhost idle\n", "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
			"etc/systemd/system/noise.service": "[Unit]\nDescription=counts alerts\n\n[Service]\nType=idle\nExecStart=" + place +
				"noise guest\n\n[Install]\nWantedBy=multi-user.target\n",
		}); err != nil {
			return err
		}
		return disk.Command(ctx, "chroot", root, "systemctl", "enable", "noise.service")
	},
}

// idleInitramfs is what the machine starts with: this program as process 1, and
// what it puts onto the disk.
func idleInitramfs(path string, kernel *machine.Kernel, o *options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	rules, err := filepath.Glob(filepath.Join(o.rules, "*.yaml"))
	if err != nil || len(rules) == 0 {
		return fmt.Errorf("no rules in %s: %v", o.rules, err)
	}
	return disk.Initramfs(path, kernel, self, func(a *machine.Initramfs) {
		for path, text := range arranged {
			a.Text(filepath.Join(disk.Payload, path), text, 0o640)
		}
		payload := disk.Payload + place
		a.File(payload+"noise", self)
		a.File(payload+"tiercel", o.agent)
		a.Text(payload+"time", o.idle.String(), 0o644)
		for _, rule := range rules {
			a.File(payload+"rules/"+filepath.Base(rule), rule)
		}
	})
}
