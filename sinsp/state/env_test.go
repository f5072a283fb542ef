// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tiercel/tiercel/scap/procfs"
)

// envProc is a /proc with an environment.
type envProc struct {
	fakeProc
	env   []string
	err   error
	asked int
}

func (f *envProc) Environ(int64, int) ([]string, error) {
	f.asked++
	return f.env, f.err
}

func TestLargeEnvironments(t *testing.T) {
	var env []string
	for i := range 500 {
		env = append(env, fmt.Sprintf("VARIABLE_%03d=%d", i, i))
	}
	raw := new(Engine).joinNUL(env)
	cut := raw[:eventEnv]
	n := 0
	for _, c := range cut {
		if c == 0 {
			n++
		}
	}
	other := append([]string{"OTHER=program"}, env...)
	tests := []struct {
		name  string
		max   int
		event []byte
		env   []string
		err   error
		want  int // variables
		asked int
	}{
		{"what the event has no room for comes from /proc", 1 << 20, cut, env, nil, 500, 1},
		{"only where it is wanted", 0, cut, env, nil, n + 1, 0},
		{"not where the event has all", 1 << 20, raw[:90], env, nil, 6, 0},
		{"not of another program", 1 << 20, cut, other, nil, n + 1, 1},
		{"not of one that is gone", 1 << 20, cut, nil, errors.New("gone"), n + 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := &envProc{env: tt.env, err: tt.err, fakeProc: fakeProc{procs: []*procfs.Process{proc(1, 0, "/sbin/init")}}}
			h := newHostWith(t, Options{BootTime: boot, Proc: fake, MaxEnv: tt.max})
			h.clone(100, 200, 0)
			fake.asked = 0
			h.exec(200, "/bin/worker", p{"env": tt.event})
			equal(t, "variables", len(h.thread(200).Env), tt.want)
			equal(t, "questions", fake.asked, tt.asked)
			checkTables(t, h.e)
		})
	}
}
