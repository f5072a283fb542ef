// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/replay"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
)

// summary is what Info says of a file. The names are those of its JSON.
type summary struct {
	File       string    `json:"file"`
	Bytes      int64     `json:"bytes,omitempty"`
	Compressed bool      `json:"compressed"`
	Version    string    `json:"version"`
	Writer     string    `json:"writer,omitempty"`
	Enter      bool      `json:"enter_events"`
	Sections   []section `json:"sections"`
	Events     uint64    `json:"events"`
	Hidden     uint64    `json:"model_only_events"`
	FirstNS    uint64    `json:"first_ns"`
	LastNS     uint64    `json:"last_ns"`
	Converted  uint64    `json:"converted_events"`
	LeftOut    uint64    `json:"left_out_events"`
	Types      []typeSum `json:"types,omitempty"`
	Damage     string    `json:"damage,omitempty"`

	byType map[scap.EventType]uint64
}

// section is one of the captures that may stand in a file.
type section struct {
	Host       string `json:"host,omitempty"`
	CPUs       uint32 `json:"cpus,omitempty"`
	Memory     uint64 `json:"memory_bytes,omitempty"`
	BootNS     uint64 `json:"boot_ns,omitempty"`
	Processes  int    `json:"processes"`
	Threads    int    `json:"threads"`
	FDs        int    `json:"descriptors"`
	Interfaces int    `json:"interfaces"`
	Users      int    `json:"users"`
	Groups     int    `json:"groups"`
}

type typeSum struct {
	Type   string `json:"type"`
	Events uint64 `json:"events"`
}

// Info says what a capture holds. A damaged one is described as far as it can
// be read; the damage is the error.
func Info(sys *System, o *cmdline.Capture) error {
	player, err := replay.Open(o.File)
	if err != nil {
		return err
	}
	defer player.Close()
	head := player.Info()
	s := &summary{
		File: o.File, Compressed: head.Compressed, Version: fmt.Sprintf("%d.%d", head.Major, head.Minor),
		Writer: head.Application, Enter: head.EnterEvents, byType: map[scap.EventType]uint64{},
	}
	if st, err := os.Stat(o.File); err == nil && st.Mode().IsRegular() {
		s.Bytes = st.Size()
	}
	damage := s.count(player)
	if damage != nil {
		s.Damage = damage.Error()
	}
	if o.Types || o.JSON {
		s.sumTypes()
	}
	if o.JSON {
		doc, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Stdout, "%s\n", doc)
		return errors.Join(err, damage)
	}
	if _, err := io.WriteString(sys.Stdout, s.text(o.Types)); err != nil && !gone(err) {
		return err
	}
	if damage != nil {
		return fmt.Errorf("read %s: %w", o.File, damage)
	}
	return nil
}

// count reads the whole capture.
func (s *summary) count(p *replay.Player) error {
	s.Sections = append(s.Sections, tablesSum(p.Tables()))
	var b scap.Batch
	for {
		err := p.Next(&b, 0)
		if n := p.Section() + 1; err == nil && n > len(s.Sections) {
			s.Sections = append(s.Sections, tablesSum(p.Tables()))
		}
		for i := range b.Events {
			s.add(&b.Events[i])
		}
		p.Release(&b)
		if err != nil {
			st := p.Stats()
			s.Converted, s.LeftOut = st.Converted, st.Dropped+st.Unknown
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func (s *summary) add(ev *scap.Event) {
	ts := ev.Timestamp()
	if s.Events == 0 {
		s.FirstNS = ts
	}
	s.FirstNS, s.LastNS = min(s.FirstNS, ts), max(s.LastNS, ts)
	s.Events++
	if ev.Flags&capture.FlagFiltered != 0 {
		s.Hidden++
	}
	s.byType[ev.Type()]++
}

// sumTypes lists the types by name, the most frequent ones first.
func (s *summary) sumTypes() {
	byName := map[string]uint64{}
	for t, n := range s.byType {
		name := t.String()
		if info := t.Info(); info != nil && info.Class == scap.ClassSyscall && info.Dir == scap.Enter {
			name += " (begin)"
		}
		byName[name] += n
	}
	for name, n := range byName {
		s.Types = append(s.Types, typeSum{name, n})
	}
	slices.SortFunc(s.Types, func(a, b typeSum) int {
		if a.Events != b.Events {
			return cmp.Compare(b.Events, a.Events)
		}
		return strings.Compare(a.Type, b.Type)
	})
}

func tablesSum(t *capture.Tables) section {
	s := section{Threads: len(t.Threads), Interfaces: len(t.Interfaces), Users: len(t.Users), Groups: len(t.Groups)}
	if m := t.Machine; m != nil {
		s.Host, s.CPUs, s.Memory, s.BootNS = m.Hostname, m.CPUs, m.Memory, m.BootTime
	}
	for i := range t.Threads {
		if t.Threads[i].TID == t.Threads[i].PID {
			s.Processes++
		}
		s.FDs += len(t.Threads[i].FDs)
	}
	return s
}

func (s *summary) text(types bool) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name+":", fmt.Sprintf(format, args...))
	}
	packed := "plain"
	if s.Compressed {
		packed = "gzip"
	}
	line("File", "%s, %s, format %s, %d bytes", s.File, packed, s.Version, s.Bytes)
	if s.Writer != "" {
		line("Written by", "%s", s.Writer)
	}
	for i, t := range s.Sections {
		if len(s.Sections) > 1 {
			line("Capture", "%d of %d in this file", i+1, len(s.Sections))
		}
		if t.CPUs > 0 {
			line("Host", "%s, %d CPUs, %d MiB%s", t.Host, t.CPUs, t.Memory>>20, since(t.BootNS))
		}
		line("Tables", "%d processes, %d threads, %d descriptors, %d addresses, %d users, %d groups",
			t.Processes, t.Threads, t.FDs, t.Interfaces, t.Users, t.Groups)
	}
	what := "ends of calls only"
	if s.Enter {
		what = "beginnings of calls too"
	}
	line("Events", "%d (%s)", s.Events, what)
	if s.Hidden > 0 {
		line("Hidden", "%d that did not match the filter, kept for the model of the host", s.Hidden)
	}
	if s.Converted > 0 || s.LeftOut > 0 {
		line("Old events", "%d brought to their newest form, %d merged or left out", s.Converted, s.LeftOut)
	}
	if s.Events > 0 {
		d := time.Duration(s.LastNS - s.FirstNS)
		line("Time", "%s to %s, %.3f s", moment(s.FirstNS), moment(s.LastNS), d.Seconds())
	}
	if s.Damage != "" {
		line("Damage", "%s", s.Damage)
	}
	if types {
		b.WriteString("Types:\n")
		for _, t := range s.Types {
			fmt.Fprintf(&b, "%12d %s\n", t.Events, t.Type)
		}
	}
	return b.String()
}

func moment(ns uint64) string {
	return time.Unix(0, int64(ns)).Format("2006-01-02 15:04:05.000000000 -0700")
}

// since is empty for captures of older versions, which do not tell.
func since(boot uint64) string {
	if boot == 0 {
		return ""
	}
	return ", up since " + moment(boot)
}
