// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reference is where the tables of the reference stand, beside the repository.
var reference = filepath.Join("..", "..", "..", "shared", "reference")

// readTable returns the rows of a table by column name; the test is skipped
// where the reference is not there.
func readTable(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(reference, name))
	if os.IsNotExist(err) {
		t.Skipf("no %s in ../shared/reference: the data is not compared with the reference", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var columns []string
	var rows []map[string]string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		cells := strings.Split(sc.Text(), "\t")
		if columns == nil {
			columns = cells
			continue
		}
		row := map[string]string{}
		for i, c := range cells {
			row[columns[i]] = c
		}
		rows = append(rows, row)
	}
	if err := sc.Err(); err != nil || len(rows) == 0 {
		t.Fatalf("%s: %d rows, %v", name, len(rows), err)
	}
	return rows
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, reference has %v", what, got, want)
	}
}

func TestEventsAreThoseOfTheReference(t *testing.T) {
	rows := readTable(t, "events.tsv")
	s := load(t)
	equal(t, "number of events", len(s.Events), len(rows))
	live := 0
	for i, r := range rows {
		h := s.Events[i]
		if h.Live() {
			live++
		}
		equal(t, "code of "+h.Enum, h.Code, r["code"])
		equal(t, r["code"]+" constant", h.Enum, r["enum"])
		equal(t, h.Enum+" name", h.Name(), r["name"])
		equal(t, h.Enum+" status", h.Status, r["status"])
		category, class := h.Event.Category, h.Event.Class
		if h.Status == StatusUnused {
			category, class = "unknown", "none"
		}
		equal(t, h.Enum+" category", category, strings.ToLower(r["category"]))
		equal(t, h.Enum+" class", class, strings.ToLower(r["class"]))
		equal(t, h.Enum+" flags", sorted(h.Flags), sorted(splitFlags(r["flags"])))
		fd := r["fd_param"]
		if fd == "" {
			fd = "-1"
		}
		equal(t, h.Enum+" descriptor", h.FD, fd)
		equal(t, h.Enum+" calls", callNames(h), r["syscalls"])
		equal(t, h.Enum+" number of parameters", len(h.Params), r["nparams"])
		equal(t, h.Enum+" parameters", paramText(h), r["params"])
	}
	equal(t, "number of live events", live, 182)
}

func splitFlags(text string) []string {
	if text == "NONE" {
		return nil
	}
	return strings.Split(strings.ToLower(text), "|")
}

func sorted(words []string) []string {
	out := slices.Clone(words)
	slices.Sort(out)
	return out
}

func callNames(h *Half) string {
	if h.Status == StatusUnused {
		return ""
	}
	if h.Event.Code == 0 {
		return fmt.Sprintf("(%d generic syscalls)", len(h.Event.Calls))
	}
	var names []string
	for _, c := range h.Event.Calls {
		names = append(names, c.Name)
	}
	return strings.Join(names, ",")
}

// paramText writes parameters as the reference does: name:type:format[:table].
func paramText(h *Half) string {
	var out []string
	for _, p := range h.Params {
		text := fmt.Sprintf("%s:PT_%s:PF_%s", p.Name, strings.ToUpper(p.Type.Name), strings.ToUpper(p.Format))
		switch {
		case p.DirFD >= 0:
			text += fmt.Sprintf(":dirfd=%d", p.DirFD)
		case p.Table != nil:
			text += ":" + p.Table.Name
		case p.Dyn != nil:
			text += ":" + p.Dyn.Name
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestCallsAreThoseOfTheReference(t *testing.T) {
	rows := readTable(t, "syscalls.tsv")
	s := load(t)
	equal(t, "number of calls", len(s.Calls), len(rows))
	for i, r := range rows {
		c := s.Calls[i]
		equal(t, "code of "+r["sc_name"], c.Code, r["sc_code"])
		if r["kind"] == "unknown" || r["kind"] == "gap" {
			equal(t, r["sc_code"]+" kind", c.Kind, KindReserved)
			continue
		}
		equal(t, r["sc_code"]+" name", c.Name, r["sc_name"])
		equal(t, c.Name+" kind", c.Kind, r["kind"])
		equal(t, c.Name+" x86_64 number", numberText(c, AMD64), r["x86_64_nr"])
		equal(t, c.Name+" aarch64 number", numberText(c, ARM64), r["aarch64_nr"])
		if c.Kind == KindSyscall {
			exit := "GENERIC"
			if c.Event != nil {
				exit = c.Exit().Enum
			}
			equal(t, c.Name+" exit event", exit, r["exit_event"])
		} else {
			equal(t, c.Name+" event", c.Exit().Enum, r["enter_event"])
		}
		equal(t, c.Name+" never dropped", c.Sampling == "never", strings.Contains(r["drop_class"], "NEVER_DROP"))
		if r["drop_class"] != "" {
			equal(t, c.Name+" always dropped", c.Sampling == "always", strings.Contains(r["drop_class"], "ALWAYS_DROP"))
		}
		var codes []string
		for _, h := range c.Events {
			codes = append(codes, strconv.Itoa(h.Code))
		}
		equal(t, c.Name+" events", strings.Join(codes, ","), r["all_events"])
	}
}

func numberText(c *Call, a Arch) string {
	if n, ok := c.Number[a]; ok {
		return strconv.Itoa(n)
	}
	return ""
}

// Every 32-bit call that the reference maps is mapped the same way; ours may
// map more, so that fewer calls of 32-bit programs go unseen.
func TestCompatNumbersCoverTheReference(t *testing.T) {
	ours := map[string]string{}
	for _, c := range load(t).Calls {
		for _, n := range c.IA32 {
			ours[strconv.Itoa(n)] = numberText(c, AMD64)
		}
	}
	for _, r := range readTable(t, "ia32.tsv") {
		got, ok := ours[r["ia32_nr"]]
		switch r["mapping"] {
		case "same", "forced":
			equal(t, "32-bit "+r["ia32_name"], got, r["x86_64_nr"])
		case "hole":
			if ok {
				t.Errorf("32-bit number %s is a hole, but mapped to %s", r["ia32_nr"], got)
			}
		}
	}
}

func TestFlagTablesAreThoseOfTheReference(t *testing.T) {
	// The reference has PR_MCE_KILL twice where the kernel has PR_MCE_KILL_GET.
	fixed := map[string]bool{"prctl_options PR_MCE_KILL_GET": true}
	// These are types of package scap, not tables of parameters.
	other := []string{"x_param_format", "x_event_flag", "x_event_category", "x_event_class"}
	s := load(t)
	next := map[string]int{}
	for _, r := range readTable(t, "flags.tsv") {
		if slices.Contains(other, r["table"]) {
			continue
		}
		name := strings.TrimPrefix(r["table"], "x_")
		table := s.Table(name)
		if table == nil {
			t.Errorf("no table %s", name)
			continue
		}
		i := next[name]
		next[name]++
		equal(t, name+" index", i, r["index"])
		if i >= len(table.Values) {
			t.Errorf("table %s has no value %d", name, i)
			continue
		}
		v := table.Values[i]
		if fixed[name+" "+v.Name] {
			continue
		}
		want, err := strconv.ParseUint(r["value"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := uint64(v.Value)
		if name == "capability" { // ours are bit numbers
			got = 1 << v.Value
		}
		equal(t, name+" name", v.Name, r["name"])
		equal(t, name+" "+v.Name, got, want)
	}
	for _, table := range s.Tables {
		equal(t, table.Name+" length", len(table.Values), next[table.Name])
	}
}

func TestDynamicTypesAreThoseOfTheReference(t *testing.T) {
	s := load(t)
	for _, r := range readTable(t, "dynamic_params.tsv") {
		i, err := strconv.Atoi(r["selector"])
		if err != nil {
			t.Fatal(err)
		}
		d := s.dynamic[r["table"]]
		if d == nil || i >= len(d.Variants) {
			t.Errorf("no shape %d of %s", i, r["table"])
			continue
		}
		v := d.Variants[i]
		equal(t, fmt.Sprintf("%s %d", d.Name, i),
			fmt.Sprintf("%s PT_%s PF_%s", v.Name, strings.ToUpper(v.Type.Name), strings.ToUpper(v.Format)),
			r["name"]+" "+r["payload_type"]+" "+r["format"])
	}
}

func TestTypesAreThoseOfTheReference(t *testing.T) {
	rows := readTable(t, "types.tsv")
	equal(t, "number of types", len(types), len(rows))
	for i, r := range rows {
		equal(t, "type "+r["value"], "PT_"+strings.ToUpper(types[i].Name), r["type"])
		if w, err := strconv.Atoi(r["width"]); err == nil {
			equal(t, "width of "+types[i].Name, types[i].Width, w)
		}
	}
	for _, r := range readTable(t, "flags.tsv") {
		var list []Value
		switch r["table"] {
		case "x_event_category":
			list = categories
		case "x_event_class":
			list = classes
		case "x_event_flag":
			list = eventFlags
		default:
			continue
		}
		i := slices.IndexFunc(list, func(v Value) bool { return v.Name == strings.ToLower(r["name"]) })
		if i < 0 {
			t.Errorf("%s: no %s", r["table"], r["name"])
			continue
		}
		equal(t, r["name"], list[i].Value, r["value"])
	}
}
