// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"github.com/tiercel/tiercel/kmod"
	"github.com/tiercel/tiercel/scap"
)

// openKmod becomes a consumer of the loaded module. Its rings are always one a
// CPU: the module writes them without a lock that others wait for.
func openKmod(o Options) (scap.Driver, error) {
	d, err := kmod.Open(kmod.Options{
		RingBytes: o.RingBytes, SnapLen: o.Snaplen, DropFailed: o.DropFailedCalls,
		DynamicSnapLen: o.DynamicSnaplen, FullCapture: o.FullCapture, StatsdPort: o.StatsdPort,
	})
	if err != nil {
		return nil, err // a typed nil would not be nil in the interface
	}
	return d, nil
}
