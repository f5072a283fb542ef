// SPDX-License-Identifier: Apache-2.0

package fieldtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/sinsp/fields"
)

func TestMock(t *testing.T) {
	cat, err := Mock(map[string]any{
		"proc.name": "cat", "proc.aname[2]": "sshd", "proc.env[HOME]": "/root", "proc.env[A B]": "1", "evt.arg.flags": "O_RDWR",
		"evt.rawres": -2.0, "proc.is_exe_writable": true, "thread.cpu": 3.25, "fd.sip": "10.0.0.1",
		"fd.types": []any{"file", "pipe"}, "fd.types[type]": []any{"x"}, "evt.buffer": map[string]any{"hex": "00ff"},
		"fd.ip": []any{"10.0.0.1", "::1"}, "evt.num": json.Number("18446744073709551615"), "proc.pid": json.Number("-9223372036854775807"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"proc.name": "cat", "proc.aname[2]": "sshd", "proc.aname[3]": "", "proc.env['HOME']": "/root", `proc.env["A B"]`: "1",
		"evt.arg.flags": "O_RDWR", "evt.arg[flags]": "O_RDWR", "evt.rawres": "-2",
		"evt.num": "18446744073709551615", "proc.pid": "-9223372036854775807", "proc.is_exe_writable": "true",
		"thread.cpu": "3.2", "fd.sip": "10.0.0.1", "fd.types": "(file,pipe)", "evt.buffer": "..", "proc.pname": "",
	} {
		ref, _, err := fields.ResolvePrefix(cat, name)
		if err != nil {
			t.Fatal(err)
		}
		var v fields.Value
		got := ""
		if ref.Extract(nil, &v) {
			got = string(fields.AppendText(nil, ref.Type, ref.Format, ref.List, &v))
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	ref, err := fields.Resolve(cat, "fd.ip", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	var v fields.Value
	for i := 0; ref.Each(nil, i, &v); i++ {
		all = append(all, string(fields.AppendAddr(nil, v.S)))
	}
	if !slices.Equal(all, []string{"10.0.0.1", "::1"}) {
		t.Errorf("fd.ip has %q", all)
	}
}

func TestMockRefusesWhatNoFieldCanHave(t *testing.T) {
	for _, c := range []struct {
		key  string
		val  any
		want string
	}{
		{"proc.nope", "x", "proc.nope"},
		{"proc.names", "x", "proc.names"},
		{"proc.pid", "x", "numbers"},
		{"fd.sip", "not an address", "fd.sip"},
		{"proc.name", nil, "proc.name"},
		{"evt.buffer", map[string]any{"hex": "zz"}, "evt.buffer"},
	} {
		if _, err := Mock(map[string]any{c.key: c.val}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v: error %v", c.key, c.val, err)
		}
	}
}
