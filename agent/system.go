// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileName returns the name of a file without its folder.
func fileName(path string) string { return filepath.Base(path) }

func systemInfo() map[string]string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return map[string]string{"error": err.Error()}
	}
	return map[string]string{
		"sysname": unix.ByteSliceToString(u.Sysname[:]), "nodename": unix.ByteSliceToString(u.Nodename[:]),
		"release": unix.ByteSliceToString(u.Release[:]), "version": unix.ByteSliceToString(u.Version[:]),
		"machine": unix.ByteSliceToString(u.Machine[:]),
	}
}

// hostname returns the name that alerts carry. It is asked for once a run.
func (r *run) hostname() string {
	if r.host == "" {
		r.host = r.askHostname()
	}
	return r.host
}

func (r *run) askHostname() string {
	for _, name := range []string{"TIERCEL_HOSTNAME", "FALCO_HOSTNAME"} {
		if v, ok := r.Env(name); ok && v != "" {
			r.log.Info("Hostname value has been overridden via environment variable to: " + v)
			return v
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
