// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/state"
)

// DefaultFormat is the line of an event when no format is given.
const DefaultFormat = "*%evt.num %evt.time %evt.cpu %proc.name (%thread.tid) %evt.type %evt.args"

// Print prints the events of a capture.
func Print(sys *System, o *cmdline.Capture) error {
	text := o.Format
	if text == "" {
		text = DefaultFormat
	}
	line, err := format.Compile(fields.Default(), text)
	if err != nil {
		var f *format.Error
		if errors.As(err, &f) && f.Hint != "" {
			return fmt.Errorf("format: %w (%s)", err, f.Hint)
		}
		return fmt.Errorf("format: %w", err)
	}
	cond, err := sys.compile(o.Filter)
	if err != nil {
		return err
	}
	player, err := replay.Open(o.File)
	if err != nil {
		return err
	}
	defer player.Close()
	p := printer{
		player: player, engine: replay.NewEngine(0), cond: cond, line: line, all: o.All, limit: o.Count,
		out: bufio.NewWriterSize(sys.Stdout, 64<<10),
	}
	if o.JSON {
		p.object = format.NewObject(line)
	}
	err = p.print(sys)
	if ferr := p.out.Flush(); ferr != nil && err == nil {
		err = ferr
	}
	if gone(err) {
		return nil
	}
	return err
}

type printer struct {
	player *replay.Player
	engine *state.Engine
	cond   *condition
	line   *format.Format
	object *format.Object
	all    bool
	limit  uint64 // 0: none
	out    *bufio.Writer
	lines  uint64
	buf    []byte
	spare  []byte
}

func (p *printer) print(sys *System) error {
	var b scap.Batch
	for {
		err := p.player.Next(&b, 0)
		done, werr := p.batch(&b)
		p.player.Release(&b)
		switch {
		case werr != nil || done:
			return werr
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", p.player.Path, err)
		case sys.ended():
			return nil
		}
	}
}

// batch prints the events of a batch; done when the limit is reached.
func (p *printer) batch(b *scap.Batch) (done bool, err error) {
	p.player.Sync(p.engine)
	for i := range b.Events {
		in := &b.Events[i]
		ev := p.engine.Process(in)
		if !p.all && (!p.player.Shows(in) || internal(in)) || !p.cond.passes(ev) {
			continue
		}
		printed := true
		if p.object != nil {
			p.buf = p.object.Append(p.buf[:0], ev)
		} else {
			p.buf, printed = p.line.AppendText(p.buf[:0], ev)
			p.buf = p.oneLine(p.buf)
		}
		if !printed {
			continue
		}
		p.buf = append(p.buf, '\n')
		if _, err := p.out.Write(p.buf); err != nil {
			return true, err
		}
		if p.lines++; p.lines == p.limit {
			return true, nil
		}
	}
	return false, nil
}

// oneLine replaces control characters, which come from the events: they must
// not forge lines nor move a terminal's cursor. Tabs may be the format's own.
func (p *printer) oneLine(text []byte) []byte {
	if !slices.ContainsFunc(text, isControl) {
		return text
	}
	out := p.spare[:0]
	for _, c := range text {
		switch {
		case !isControl(c):
			out = append(out, c)
		case c == '\n':
			out = append(out, `\n`...)
		default:
			out = fmt.Appendf(out, `\x%02x`, c)
		}
	}
	p.spare = text
	return out
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// internal reports whether an event tells the model something that no process
// of the host did.
func internal(ev *scap.Event) bool {
	info := ev.Info()
	return info != nil && info.Class == scap.ClassMetaevent
}
