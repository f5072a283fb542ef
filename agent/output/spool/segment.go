// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// segment is one file of a spool.
type segment struct {
	seq     uint64
	size    int64 // of what can be read
	offset  int64 // behind what is done with
	records int   // that are not
}

func (d *Dir) segmentPath(seq uint64) string {
	return filepath.Join(d.path, fmt.Sprintf("%016x.seg", seq))
}

// listSegments lists the numbers of those that are in the folder, in order: file
// names are sorted by ReadDir.
func (d *Dir) listSegments() ([]uint64, error) {
	files, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".seg")
		if !ok || len(name) != 16 {
			continue
		}
		if seq, err := strconv.ParseUint(name, 16, 64); err == nil {
			list = append(list, seq)
		}
	}
	return list, nil
}

// load looks through the segments that an earlier run has left.
func (d *Dir) load() error {
	list, err := d.listSegments()
	if err != nil {
		return err
	}
	seq, offset := d.readPosition()
	d.next = seq + 1 // also when no segment is left: numbers below seq are done with
	for _, s := range list {
		d.next = max(d.next, s+1)
		if s < seq {
			if err := os.Remove(d.segmentPath(s)); err != nil {
				return err
			}
			continue
		}
		g := segment{seq: s, offset: int64(len(segmentHead))}
		if s == seq {
			g.offset = max(g.offset, offset)
		}
		if err := d.loadSegment(&g); err != nil {
			return err
		}
	}
	return nil
}

// loadSegment counts the records of a segment. What is behind a damage cannot
// be told apart, and is left out.
func (d *Dir) loadSegment(g *segment) error {
	data, err := os.ReadFile(d.segmentPath(g.seq))
	if err != nil {
		return err
	}
	g.size = g.offset
	if !strings.HasPrefix(string(data[:min(len(data), len(segmentHead))]), segmentHead) || g.offset > int64(len(data)) {
		d.warn("%s is damaged: it is left out", d.segmentPath(g.seq))
		g.records, g.size = 0, 0
		return d.removeFile(g.seq)
	}
	for int(g.size) < len(data) {
		_, n, err := nextRecord(data[g.size:])
		if err != nil {
			d.warn("%s is damaged at byte %d: the alerts before that are delivered, %d bytes are left out",
				d.segmentPath(g.seq), g.size, int64(len(data))-g.size)
			break
		}
		g.size += int64(n)
		g.records++
	}
	if g.records == 0 {
		return d.removeFile(g.seq)
	}
	d.segments = append(d.segments, *g)
	d.entries.Add(int64(g.records))
	d.bytes.Add(g.size)
	return nil
}

func (d *Dir) removeFile(seq uint64) error {
	if err := os.Remove(d.segmentPath(seq)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// dropOldest makes room.
func (d *Dir) dropOldest() error {
	g := d.segments[0]
	d.dropped.Add(uint64(g.records))
	return d.removeOldest()
}

// removeOldest removes the first segment with what is left in it.
func (d *Dir) removeOldest() error {
	g := d.segments[0]
	d.segments = append(d.segments[:0], d.segments[1:]...)
	d.entries.Add(-int64(g.records))
	d.bytes.Add(-g.size)
	d.closeReader()
	if d.w != nil && g.seq == d.wseq {
		_ = d.w.Close()
		d.w = nil
	}
	return d.removeFile(g.seq)
}
