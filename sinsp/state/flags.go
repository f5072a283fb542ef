// SPDX-License-Identifier: Apache-2.0

package state

// Flags of a thread: the portable clone flags of the capture format
// (PPM_CL_*), as far as the model looks at them.
const (
	FlagFiles        uint32 = 1 << 0  // shares its descriptors with its creator
	FlagFS           uint32 = 1 << 1  // shares its root and directory with its creator
	FlagNewNS        uint32 = 1 << 5  // in a new mount namespace
	FlagNewPID       uint32 = 1 << 6  // first of a new pid namespace
	FlagParent       uint32 = 1 << 8  // its parent is its creator's parent
	FlagThread       uint32 = 1 << 13 // of its creator's thread group
	FlagInverted     uint32 = 1 << 16 // made known by its own side of the call
	FlagNameChanged  uint32 = 1 << 17
	FlagClosed       uint32 = 1 << 18 // has exited
	FlagActive       uint32 = 1 << 19 // made an event
	FlagNewUser      uint32 = 1 << 20 // in a new user namespace
	FlagPipeSrc      uint32 = 1 << 21 // its output was duplicated to descriptor 1
	FlagPipeDst      uint32 = 1 << 22 // its input was duplicated to descriptor 0
	FlagVfork        uint32 = 1 << 27
	FlagChildInPidns uint32 = 1 << 29 // the new thread is in a pid namespace
	FlagMainThread   uint32 = 1 << 30
)

// Open flags in the portable encoding (PPM_O_*).
const (
	OpenRead      uint32 = 1 << 0
	OpenWrite     uint32 = 1 << 1
	OpenCreat     uint32 = 1 << 2
	OpenTrunc     uint32 = 1 << 8
	OpenDirectory uint32 = 1 << 10
	OpenCloexec   uint32 = 1 << 12
	OpenCreated   uint32 = 1 << 14 // the call made the file
	OpenUpper     uint32 = 1 << 15 // the file is in the upper layer of an overlay
	OpenLower     uint32 = 1 << 16 // the file is in a lower layer of an overlay
)

// atFDCWD stands for the current directory where a call takes a directory
// descriptor.
const atFDCWD = -100
