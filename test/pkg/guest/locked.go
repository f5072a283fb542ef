// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"
)

// locked is a kernel that no driver runs on: it lets nobody read its memory and
// takes no modules that are not signed.
var locked = []step{
	{"the kernel is locked", func(*guest) error {
		out, err := run("cat /sys/kernel/security/lockdown")
		return errors.Join(err, want(out, "[confidentiality]"))
	}},
	{"install: dpkg is content, one message", func(*guest) error {
		out, err := run("dpkg -i " + oldDeb)
		if err != nil {
			return err
		}
		return errors.Join(one(out, "did not start"), consistent("install ok installed"))
	}},
	{"the unit has failed, says why once, and is not tried again", func(g *guest) error {
		time.Sleep(7 * time.Second) // longer than RestartSec
		out, err := run("journalctl -b -t tiercel -o short-monotonic --no-hostname --no-pager")
		if err != nil {
			return err
		}
		status := show(alias, "StatusText")
		note("%s", status)
		return errors.Join(is(alias, map[string]string{"ActiveState": "failed", "ExecMainStatus": "69", "NRestarts": "0"}),
			want(status, "Error", "lockdown"), want(out, "lockdown"))
	}},
	{"driver set refuses every driver with its reason", func(*guest) error {
		var errs []error
		for _, d := range []string{"modern_bpf", "bpf", "kmod", "auto"} {
			out, err := run("tiercel driver set " + d)
			if err == nil {
				errs = append(errs, fmt.Errorf("%s was set: %s", d, out))
			}
			errs = append(errs, want(out, "nothing has been changed"))
		}
		return errors.Join(append(errs, is(alias, map[string]string{"Id": auto, "UnitFileState": "enabled"}))...)
	}},
	{"purge", func(*guest) error {
		return errors.Join(all("dpkg --purge tiercel"), consistent(""), absent())
	}},
}
