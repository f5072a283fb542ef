// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
)

// positionSize is that of the file that says up to where alerts have been
// delivered: the number of the segment and the place in it, 64 bits each, and a
// checksum of both.
const positionSize = 20

func (d *Dir) positionPath() string { return filepath.Join(d.path, "position") }

// readPosition returns where delivery goes on. Without a position, or with a
// damaged one, that is the very beginning: better twice than never.
func (d *Dir) readPosition() (seq uint64, offset int64) {
	b, err := os.ReadFile(d.positionPath())
	if err != nil || len(b) != positionSize || crc32.Checksum(b[:16], castagnoli) != binary.LittleEndian.Uint32(b[16:]) {
		return 0, 0
	}
	return binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]) & (1<<62 - 1))
}

// savePosition writes the position over the old one: should half of it be
// written, the checksum tells.
func (d *Dir) savePosition(seq uint64, offset int64) error {
	var b [positionSize]byte
	binary.LittleEndian.PutUint64(b[:], seq)
	binary.LittleEndian.PutUint64(b[8:], uint64(offset))
	binary.LittleEndian.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
	_, err := d.position.WriteAt(b[:], 0)
	return err
}
