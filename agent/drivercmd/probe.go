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
	if path := builtProbe(release); path != "" && d.File == "" && d.Headers == "" && d.BTF == "" && !d.Force {
		// Whatever it was built from: headers and compilers may have gone since.
		_, err := fmt.Fprintf(s.Stdout, "%s is there already, for %s and of this release (--force builds it again)\n", path, release)
		return err
	}
	plan, err := bpf.Plan(bpf.BuildOptions{Release: release, Headers: d.Headers, BTF: d.BTF})
	if err != nil {
		return fmt.Errorf("build the legacy probe for %s: %w", release, err)
	}
	to, from := d.File, "its headers in "+plan.Headers
	if plan.BTF != "" {
		from = "its BTF in " + plan.BTF
	}
	if to == "" {
		if to, err = plan.Place(); err != nil {
			return err
		}
		// Its name holds the hash of its sources: what is there is the right one.
		if _, err := os.Stat(to); err == nil && !d.Force {
			_, err := fmt.Fprintf(s.Stdout, "%s is there already, for %s and of this release (--force builds it again)\n", to, release)
			return err
		}
	}
	err = s.make(ctx, "the legacy probe", release+" from "+from, to, d.Verbose, func(ctx context.Context, dir string, out io.Writer) (string, error) {
		plan.Dir, plan.Output = dir, out
		return bpf.Build(ctx, plan)
	})
	if err != nil || d.File != "" {
		return err
	}
	removed, err := bpf.RemoveOld(to)
	for _, path := range removed {
		fmt.Fprintf(s.Stdout, "removed %s, which belongs to another release\n", path)
	}
	return err
}

// builtProbe is the probe of this release that the agent would load, "" when
// there is none.
func builtProbe(release string) string {
	paths, _ := bpf.BuiltPaths(release)
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func probeState(release string) State {
	st := State{Driver: drivers.BPF, Detail: "not built for this kernel and this release (tiercel driver build bpf)"}
	if path := builtProbe(release); path != "" {
		st.File, st.Fits, st.Detail = path, true, "built; the agent loads it when it starts"
	}
	return st
}
