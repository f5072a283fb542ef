// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"

	"github.com/tiercel/tiercel/scap"
)

// A capture is a chain of blocks as in pcapng: type u32, total length u32, a
// body padded to a multiple of 4, and the total length again. All numbers are
// little-endian; the magic number of the section header tells.
const (
	blockHeader  = 8  // type, length
	blockTrailer = 4  // length
	minBlock     = 12 // a block without a body

	magic       = 0x1A2B3C4D
	majorVer    = 1
	minorVer    = 2
	sectionBody = 16 // magic, major, minor, section length
	machineBody = 180
	hostnameLen = 128
)

// blockType is the kind of a block.
type blockType uint32

// The blocks that are written today, and the older ones that are read.
const (
	blockSection blockType = 0x0A0D0D0A

	blockMachine    blockType = 0x201
	blockMachineOld blockType = 0x8002ABCD

	blockInterfaces      blockType = 0x219
	blockInterfacesV1    blockType = 0x205
	blockInterfacesV1Old blockType = 0x8011ABCD

	blockUsers      blockType = 0x220
	blockUsersV1    blockType = 0x206
	blockUsersV1Old blockType = 0x8012ABCD

	blockThreadsV1    blockType = 0x202
	blockThreadsV1Old blockType = 0x8000ABCD
	blockThreadsV2    blockType = 0x207
	blockThreadsV2Old blockType = 0x8013ABCD
	blockThreadsV3    blockType = 0x209
	blockThreadsV3Old blockType = 0x8014ABCD
	blockThreadsV4    blockType = 0x210
	blockThreadsV5    blockType = 0x211
	blockThreadsV6    blockType = 0x212
	blockThreadsV7    blockType = 0x213
	blockThreadsV8    blockType = 0x214
	blockThreads      blockType = 0x215

	blockFDs      blockType = 0x218
	blockFDsV1    blockType = 0x203
	blockFDsV1Old blockType = 0x8001ABCD

	blockEvent           blockType = 0x216
	blockEventV1         blockType = 0x204
	blockEventV1Old      blockType = 0x8010ABCD
	blockEventFlags      blockType = 0x217
	blockEventFlagsV1    blockType = 0x208
	blockEventLarge      blockType = 0x221
	blockEventLargeFlags blockType = 0x222
)

// FlagFiltered is the flag (scap.Event.Flags) of an event that did not pass
// the filter when the capture was made. It is there to keep the model of the
// host right, and is not to be shown.
const FlagFiltered = 1

// Limits of the texts in the tables, in bytes.
const (
	maxName = 1024 // names and paths
	maxList = 4096 // args, env, cgroups, with their NULs
)

// oldFile is the descriptor type of files before FILE_V2: a path and no more.
const oldFile = 1

// The section option that marks captures with wanted enter events: pcapng
// leaves option codes with the highest bit to local use, so the value says
// whose it is. Other readers pass over options.
const (
	optEnd         = 0
	optLocal       = 0x8000
	optEnterEvents = "tiercel:enter"
)

// What can be wrong with a capture; see Error.
var (
	ErrNotCapture = errors.New("not a capture")
	ErrByteOrder  = errors.New("capture of a machine with the other byte order")
	ErrVersion    = errors.New("capture of a newer version of the format")
	ErrTruncated  = errors.New("capture is cut off")
	ErrMalformed  = errors.New("capture is damaged")
)

// Error tells what is wrong with a capture, and where. It wraps one of the
// errors above, or that of the reader below.
type Error struct {
	Offset int64 // of the block, in the capture as it is without compression
	Err    error
	Detail string // may be empty
}

// Error says it in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("%v at byte %d", e.Err, e.Offset)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// eventBlock is the layout of a kind of event block.
type eventBlock struct {
	known bool // it is an event block
	flags bool // it has a flags word
	old   bool // the event header lacks the number of parameters
}

func eventBlockOf(t blockType) eventBlock {
	switch t {
	case blockEvent, blockEventLarge:
		return eventBlock{known: true}
	case blockEventFlags, blockEventLargeFlags:
		return eventBlock{known: true, flags: true}
	case blockEventV1, blockEventV1Old:
		return eventBlock{known: true, old: true}
	case blockEventFlagsV1:
		return eventBlock{known: true, old: true, flags: true}
	}
	return eventBlock{}
}

// isLarge reports whether events of type t have lengths of 32 bits.
func isLarge(t scap.EventType) bool {
	i := t.Info()
	return i != nil && i.Flags&scap.EFLargePayload != 0
}

// padded returns n rounded up to what a block takes.
func padded(n int) int { return (n + 3) &^ 3 }
