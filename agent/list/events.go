// SPDX-License-Identifier: Apache-2.0

package list

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

type param struct {
	Type  string   `json:"type"`
	Name  string   `json:"name"`
	Flags []string `json:"flags,omitempty"`
}

type event struct {
	Name      string  `json:"name"`
	Dir       string  `json:"dir"`
	Available bool    `json:"available"`
	Params    []param `json:"params"`
}

// section is one category of events.
type section struct {
	title, key string
	class      scap.Class
}

var sections = []section{
	{"Syscall events", "syscall_events", scap.ClassSyscall},
	{"Tracepoint events", "tracepoint_events", scap.ClassTracepoint},
	{"Plugin events", "plugin_events", scap.ClassPlugin},
	{"Metaevents", "metaevents", scap.ClassMetaevent},
}

// Events lists the events of the current schema by category. Old versions and
// unused codes are left out; every call without an event of its own is there
// with both halves.
func Events(w io.Writer, table []scap.EventInfo, format, schema string) error {
	b := bufio.NewWriter(w)
	if format == "json" {
		doc := map[string]any{"schema_version": schema}
		for _, s := range sections {
			doc[s.key] = s.events(table)
		}
		if err := writeJSON(b, doc); err != nil {
			return err
		}
		return b.Flush()
	}
	fmt.Fprintf(b, "The events below are valid for Tiercel *Schema Version*: %s\n", schema)
	for _, s := range sections {
		fmt.Fprintf(b, "\n## %s\n\n", s.title)
		if format == "markdown" {
			b.WriteString("Default | Dir | Name | Params\n:-------|:----|:-----|:-----\n")
		}
		for _, e := range s.events(table) {
			if format == "markdown" {
				fmt.Fprintf(b, "%s | `%s` | `%s` | %s\n", yesNo(e.Available), e.Dir, e.Name, paramText(e.Params))
			} else {
				fmt.Fprintf(b, "%s %s(%s)\n", e.Dir, e.Name, paramText(e.Params))
			}
		}
	}
	return b.Flush()
}

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func paramText(params []param) string {
	var parts []string
	for _, p := range params {
		text := p.Type + " **" + p.Name + "**"
		if len(p.Flags) > 0 {
			text += ": " + strings.Join(p.Flags, ", ")
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (s *section) events(table []scap.EventInfo) []event {
	list := []event{}
	excluded := sinsp.DefaultExcluded(sinsp.Current)
	for i := range table {
		info := &table[i]
		if info.Class != s.class || info.Code <= scap.EvGenericX ||
			info.Status != scap.StatusDriver && info.Status != scap.StatusUserspace {
			continue
		}
		e := event{Name: info.Name, Dir: "<", Available: true, Params: []param{}}
		if info.Dir == scap.Enter {
			e.Dir = ">"
		}
		for _, sc := range info.Syscalls {
			e.Available = e.Available && !excluded.Has(sc)
		}
		for _, p := range info.Params {
			q := param{Type: typeName(p.Type), Name: p.Name}
			if p.Flags != nil {
				for _, v := range p.Flags.Values {
					q.Flags = append(q.Flags, v.Name)
				}
			}
			e.Params = append(e.Params, q)
		}
		list = append(list, e)
	}
	if s.class == scap.ClassSyscall {
		for sc := range scap.GenericSyscalls().All() {
			for _, dir := range []string{">", "<"} {
				list = append(list, event{Name: sc.String(), Dir: dir, Available: true, Params: []param{}})
			}
		}
	}
	return list
}
