// SPDX-License-Identifier: Apache-2.0

package list

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

func render(t *testing.T, f func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func fieldsAs(t *testing.T, o FieldOptions) string {
	o.Sources = []string{"syscall"}
	return render(t, func(b *bytes.Buffer) error { return Fields(b, fields.Default().Classes(), o) })
}

func TestFieldNamesAreOneALineWithoutDeprecatedOnes(t *testing.T) {
	out := fieldsAs(t, FieldOptions{Format: "text", NamesOnly: true})
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		f := fields.Default().Lookup(line)
		if f == nil || f.Deprecated || f.Hidden {
			t.Errorf("line %q: %+v", line, f)
		}
	}
	if !strings.Contains(out, "\nproc.name\n") {
		t.Error("proc.name is missing")
	}
}

func TestFieldsAsText(t *testing.T) {
	out := fieldsAs(t, FieldOptions{Format: "text"})
	long := fieldsAs(t, FieldOptions{Format: "text", Long: true})
	for _, want := range []string{"Field Class:                  evt", "Event Sources:                syscall", "\nproc.name                     "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(out, "(Type: ") || !strings.Contains(long, "\nproc.pid                      (Type: INT64") {
		t.Error("types belong to the long form, and only there")
	}
	for _, line := range strings.Split(out, "\n") {
		if len(line) > textWidth+20 {
			t.Errorf("long line: %s", line)
		}
	}
}

func TestFieldsAsMarkdown(t *testing.T) {
	out := fieldsAs(t, FieldOptions{Format: "markdown"})
	if !strings.Contains(out, "## Field Class: evt") || !strings.Contains(out, "`proc.name` | CHARBUF | ") {
		t.Error(out[:400])
	}
}

func TestFieldsAsJSON(t *testing.T) {
	var doc struct {
		Classes []classJSON `json:"fieldclasses"`
		Names   []string    `json:"fieldnames"`
	}
	if err := json.Unmarshal([]byte(fieldsAs(t, FieldOptions{Format: "json"})), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Classes) == 0 || doc.Names != nil {
		t.Errorf("%d classes, %d names", len(doc.Classes), len(doc.Names))
	}
	if err := json.Unmarshal([]byte(fieldsAs(t, FieldOptions{Format: "json", NamesOnly: true})), &doc); err != nil || len(doc.Names) < 100 {
		t.Errorf("%d names, %v", len(doc.Names), err)
	}
}

// listed are all fields that people may see.
func listed() (all []*fields.Field) {
	for _, c := range fields.Default().Classes() {
		for _, f := range c.Fields {
			if !f.Hidden {
				all = append(all, f)
			}
		}
	}
	return all
}

func TestEveryFormListsEveryFieldOnceAndNoHiddenOne(t *testing.T) {
	text := "\n" + fieldsAs(t, FieldOptions{Format: "text"})
	long := "\n" + fieldsAs(t, FieldOptions{Format: "text", Long: true})
	markdown := fieldsAs(t, FieldOptions{Format: "markdown"})
	var doc struct {
		Classes []classJSON `json:"fieldclasses"`
	}
	if err := json.Unmarshal([]byte(fieldsAs(t, FieldOptions{Format: "json"})), &doc); err != nil {
		t.Fatal(err)
	}
	inJSON := map[string]fieldJSON{}
	for _, c := range doc.Classes {
		for _, f := range c.Fields {
			if inJSON[f.Name].Name != "" {
				t.Errorf("%s is twice in the JSON form", f.Name)
			}
			inJSON[f.Name] = f
		}
	}
	for _, f := range listed() {
		line := regexp.MustCompile(`\n` + regexp.QuoteMeta(f.Name) + `[ \n]`)
		if n := len(line.FindAllString(text, -1)); n != 1 {
			t.Errorf("%s is there %d times as text", f.Name, n)
		}
		if n := len(line.FindAllString(long, -1)); n != 1 {
			t.Errorf("%s is there %d times as long text", f.Name, n)
		}
		if n := strings.Count(markdown, "\n`"+f.Name+"` | "+f.TypeName()+" | "); n != 1 {
			t.Errorf("%s is there %d times as markdown", f.Name, n)
		}
		j := inJSON[f.Name]
		if j.Type != f.TypeName() || j.Desc != f.Doc || (j.Arg != nil) != (f.Arg != fields.ArgNone) {
			t.Errorf("%s in JSON is %+v", f.Name, j)
		}
		if slices.Contains(j.Tags, "DEPRECATED") != f.Deprecated {
			t.Errorf("%s: tags %v", f.Name, j.Tags)
		}
	}
	if len(inJSON) != len(listed()) {
		t.Errorf("%d fields in JSON, want %d", len(inJSON), len(listed()))
	}
	for _, hidden := range []string{"util.cnt", "evt.count.procinfo", "thread.nametid"} {
		for _, out := range []string{text, long, markdown} {
			if strings.Contains(out, hidden) {
				t.Errorf("hidden field %s is listed", hidden)
			}
		}
	}
}

func TestDeprecatedFieldsAndOursCarryAMark(t *testing.T) {
	for _, o := range []FieldOptions{{Format: "text"}, {Format: "text", Long: true}, {Format: "markdown"}, {Format: "json"}} {
		out := fieldsAs(t, o)
		for _, f := range listed() {
			i := strings.Index(out, f.Name)
			entry := out[i:min(len(out), i+len(f.Name)+400)]
			for mark, on := range map[string]bool{"DEPRECATED": f.Deprecated, "TIERCEL ONLY": f.Own} {
				if on && !strings.Contains(entry, mark) {
					t.Errorf("%s: no mark %s in %q", f.Name, mark, entry)
				}
			}
		}
	}
	if fields.Default().Lookup("evt.lost_before") == nil || !fields.Default().Lookup("thread.uncertain").Own {
		t.Error("fields of our own lack their mark")
	}
}

// TestNamesStayTheSame: a field that disappears breaks rules, so the list is
// kept. Run with -update after adding one.
func TestNamesStayTheSame(t *testing.T) {
	const path = "testdata/fieldnames.txt"
	got := fieldsAs(t, FieldOptions{Format: "text", NamesOnly: true})
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("names (-kept +listed):\n%s", diff)
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestListingsAreTheSameEachTime(t *testing.T) {
	for _, o := range []FieldOptions{{Format: "text"}, {Format: "markdown"}, {Format: "json"}} {
		if first, second := fieldsAs(t, o), fieldsAs(t, o); first != second {
			t.Errorf("fields as %s differ", o.Format)
		}
		if first, second := eventsAs(t, o.Format), eventsAs(t, o.Format); first != second {
			t.Errorf("events as %s differ", o.Format)
		}
	}
}

func eventsAs(t *testing.T, format string) string {
	return render(t, func(b *bytes.Buffer) error { return Events(b, scap.Events[:], format, "1.2.3") })
}

func TestEventsAsText(t *testing.T) {
	out := eventsAs(t, "text")
	for _, want := range []string{
		"The events below are valid for Tiercel *Schema Version*: 1.2.3\n", "\n## Syscall events\n", "\n## Tracepoint events\n",
		"\n## Plugin events\n", "\n## Metaevents\n", "\n< execve(ERRNO **res**, CHARBUF **exe**", "\n> getppid()\n< getppid()\n",
		"FLAGS32 **flags**: O_LARGEFILE, ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(out, "\n< execve("); n != 1 {
		t.Errorf("execve's exit is there %d times: old versions must be hidden", n)
	}
	if strings.Contains(out, "UNKNOWN **") {
		t.Error("a parameter's type has no name")
	}
}

func TestHighVolumeCallsAreMarked(t *testing.T) {
	out := eventsAs(t, "markdown")
	if !strings.Contains(out, "\nNo | `<` | `read` | ") || !strings.Contains(out, "\nYes | `<` | `openat` | ") {
		t.Error("the first column does not tell the default")
	}
}

func TestEventsAsJSON(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(eventsAs(t, "json")), &doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		if list, ok := doc[s.key].([]any); !ok || len(list) == 0 {
			t.Errorf("%s: %v", s.key, doc[s.key])
		}
	}
}

// TestEveryEventIsListedOnce: each event that a driver or the agent makes, and
// each call without one of its own with both halves.
func TestEveryEventIsListedOnce(t *testing.T) {
	out := "\n" + eventsAs(t, "text")
	want := map[string]int{}
	for i := range scap.Events {
		in := &scap.Events[i]
		if in.Class == scap.ClassNone || in.Class == scap.ClassIter || in.Name == "syscall" ||
			in.Status != scap.StatusDriver && in.Status != scap.StatusUserspace {
			continue
		}
		dir := "<"
		if in.Dir == scap.Enter {
			dir = ">"
		}
		want["\n"+dir+" "+in.Name+"("]++
	}
	for sc := range scap.GenericSyscalls().All() {
		want["\n> "+sc.String()+"("]++
		want["\n< "+sc.String()+"("]++
	}
	total := 0
	for line, n := range want {
		total += n
		if got := strings.Count(out, line); got != n {
			t.Errorf("%q is there %d times, want %d", line, got, n)
		}
	}
	if got := strings.Count(out, "\n< ") + strings.Count(out, "\n> "); got != total {
		t.Errorf("%d events listed, want %d", got, total)
	}
}

func TestEveryParameterTypeHasAName(t *testing.T) {
	if len(typeNames) != int(scap.PTPID32)+1 {
		t.Errorf("%d names for %d types", len(typeNames), scap.PTPID32+1)
	}
	for want, typ := range map[string]scap.ParamType{"FSPATH": scap.PTFSPath, "DYNAMIC": scap.PTDyn, "PID32": scap.PTPID32, "MODE": scap.PTMode} {
		if typeName(typ) != want {
			t.Errorf("%d is %s, want %s", typ, typeName(typ), want)
		}
	}
}
