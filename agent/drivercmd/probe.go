// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/drivers"
)

// buildProbe makes the legacy probe for a kernel.
func (s *System) buildProbe(ctx context.Context, d *cmdline.DriverWork, release string) error {
	to := d.File
	if to == "" {
		var err error
		if to, err = bpf.BuiltPath(release); err != nil {
			return err
		}
		// Its name holds the hash of its sources: what is there is the right one.
		if _, err := os.Stat(to); err == nil && !d.Force {
			_, err := fmt.Fprintf(s.Stdout, "%s is there already, for %s and of this release (--force builds it again)\n", to, release)
			return err
		}
	}
	return s.make(ctx, "the legacy probe", release, to, d.Verbose, func(ctx context.Context, dir string, out io.Writer) (string, error) {
		return bpf.Build(ctx, bpf.BuildOptions{Release: release, Headers: d.Headers, Dir: dir, Output: out})
	})
}

func probeState(release string) State {
	st := State{Driver: drivers.BPF, Detail: "not built for this kernel and this release (tiercel driver build bpf)"}
	path, err := bpf.BuiltPath(release)
	if err != nil {
		st.Detail = err.Error()
		return st
	}
	if _, err := os.Stat(path); err == nil {
		st.File, st.Fits, st.Detail = path, true, "built; the agent loads it when it starts"
	}
	return st
}
