// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// OpenFlags returns the portable encoding of the open flags of this machine.
func OpenFlags(native uint32) uint32 {
	var f uint32
	switch native & unix.O_ACCMODE {
	case unix.O_WRONLY:
		f = scap.FileFlagsOWronly
	case unix.O_RDWR:
		f = scap.FileFlagsORdwr
	default:
		f = scap.FileFlagsORdonly
	}
	for _, m := range openFlagTable {
		if native&m.native == m.native {
			f |= m.portable
		}
	}
	return f
}

// O_SYNC and O_TMPFILE are several bits, some shared with O_DSYNC and
// O_DIRECTORY: all of them must be set.
var openFlagTable = []struct{ native, portable uint32 }{
	{unix.O_CREAT, scap.FileFlagsOCreat},
	{unix.O_APPEND, scap.FileFlagsOAppend},
	{unix.O_DSYNC, scap.FileFlagsODsync},
	{unix.O_EXCL, scap.FileFlagsOExcl},
	{unix.O_NONBLOCK, scap.FileFlagsONonblock},
	{unix.O_SYNC, scap.FileFlagsOSync},
	{unix.O_TRUNC, scap.FileFlagsOTrunc},
	{unix.O_DIRECT, scap.FileFlagsODirect},
	{unix.O_DIRECTORY, scap.FileFlagsODirectory},
	// On 64-bit machines the constant is 0, yet the kernel sets the bit.
	{kernelLargefile, scap.FileFlagsOLargefile},
	{unix.O_CLOEXEC, scap.FileFlagsOCloexec},
	{unix.O_TMPFILE, scap.FileFlagsOTmpfile},
}
