// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// serviceKinds are the drivers that the service can be set to.
var serviceKinds = []string{"auto", "modern_bpf", "kmod", "bpf"}

func driverSetCommand(o *Options) *cobra.Command {
	d := &o.Driver
	set := leaf(o, DriverSet, "set auto|modern_bpf|kmod|bpf", "choose the driver of the service",
		"Makes tiercel.service the unit of that driver. What has to be built for it is built first, and a driver that\n"+
			"cannot run here is refused. A service that runs goes on with the new driver, or, should that fail, with the old\n"+
			"one; one that is stopped stays stopped, one that is disabled stays disabled.\n"+
			"Exit status: 0 it is chosen, 1 it is not, and everything is as it was.")
	fs := set.Flags()
	fs.SortFlags = false
	fs.BoolVarP(&d.Force, "force", "f", false, "do not look whether it can run here")
	fs.StringVar(&d.Root, "root", "", "choose for the system in this `folder`, where nothing is started or looked at")
	return set
}

// serviceKind takes the driver of the service. The names that units and
// configuration have for it are taken as well.
func (o *Options) serviceKind(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs the name of one driver, %s; see tiercel %s --help", o.Command, or(serviceKinds), o.Command)
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(strings.ReplaceAll(args[0], "-", "_"), "tiercel_"), ".service")
	if kind == "modern_ebpf" {
		kind = "modern_bpf"
	}
	if !slices.Contains(serviceKinds, kind) {
		return fmt.Errorf("%s: there is no driver '%s'; there are %s", o.Command, args[0], or(serviceKinds))
	}
	o.Driver.Kind = kind
	return nil
}

// or joins the words of a choice.
func or(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
