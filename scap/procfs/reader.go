// SPDX-License-Identifier: Apache-2.0

package procfs

import "errors"

// ErrNoProcess says that there is no such process or thread, or no more.
var ErrNoProcess = errors.New("no such process")

// Options bound what is read.
type Options struct {
	MaxFDs  int  // descriptors per process; 0 = all
	NoFDs   bool // leave the descriptors out
	MaxText int  // bytes of command line and of environment; 0 = 4096
	// KernelThreads includes threads of the kernel, which are left out else.
	KernelThreads bool
}
