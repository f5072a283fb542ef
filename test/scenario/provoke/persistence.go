// SPDX-License-Identifier: Apache-2.0

package main

func init() {
	provide(map[string]step{
		"write-binary":   {run: write("/usr/local/bin/tiercel-provoked"), isolated: true, empty: []string{"/usr/local/bin"}},
		"write-ssh-key":  {run: write("/root/.ssh/authorized_keys"), isolated: true, empty: []string{"/root"}},
		"rename-ssh-key": {run: renamed("/root/.ssh/authorized_keys"), isolated: true, empty: []string{"/root"}},
		"link-ssh-key":   {run: linked("/root/.ssh/authorized_keys"), isolated: true, empty: []string{"/root"}},
		"write-cron":     {run: write("/etc/cron.d/tiercel-provoked"), isolated: true, empty: []string{"/etc"}},
		"write-preload":  {run: write("/etc/ld.so.preload"), isolated: true, empty: []string{"/etc"}},
	})
}
