// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"context"
	"fmt"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
)

// buildProbe makes the legacy probe for a kernel.
func (s *System) buildProbe(context.Context, *cmdline.DriverWork, string) error {
	return fmt.Errorf("build the legacy probe: %w; use modern_bpf or kmod", drivers.ErrNotBuilt)
}
