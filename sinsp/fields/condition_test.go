// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"testing"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
	"github.com/tiercel/tiercel/sinsp/program"
)

// TestConditionsOnRealEvents: what conditions make of fields that an engine
// filled, those of several values above all.
func TestConditionsOnRealEvents(t *testing.T) {
	ev := run(t, connected()...)
	for cond, want := range map[string]bool{
		"fd.ip = 10.0.0.1": true, "fd.ip = 93.184.216.34": true, "fd.ip != 10.0.0.1": false, "fd.ip != 1.1.1.1": true,
		"fd.net = 10.0.0.0/8": true, "fd.net != 10.0.0.0/8": false, "fd.net != 127.0.0.0/8": true, "fd.port = https": true,
		"fd.port in (1, 443)": true, "fd.snet in (10.0.0.0/8, 93.0.0.0/8)": true, "not fd.snet in (10.0.0.0/8)": true,
		"proc.aname = sshd": true, "proc.aname in (x, systemd)": true, "proc.aname != sshd": true, "not proc.aname = nothing": true,
		"proc.aname exists": true, "fd.ip exists": true, "proc.aname startswith sys": true, "proc.apid = 1": true,
		"proc.aname[2] = sshd": true, "evt.arg.addr contains 93.184": true, "fd.l4proto = tcp": true, "evt.rawarg.res = 0": true,
		"proc.aenv[SHLVL] = 1": true, "fd.types intersects (ipv4)": true, "proc.cmdline contains shadow": true,
		"fd.cproto = 50000": true, "fd.proto = https": true, "fd.sport >= 443": true, "thread.cap_permitted contains CAP_NET": true,
	} {
		n, err := filter.Parse(cond)
		if err != nil {
			t.Fatal(cond, err)
		}
		c, _, err := program.Compile(fields.Default(), n)
		if err != nil {
			t.Error(cond, err)
			continue
		}
		if got := c.Eval(ev); got != want {
			t.Errorf("%s is %v", cond, got)
		}
	}
}
