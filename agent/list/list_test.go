// SPDX-License-Identifier: Apache-2.0

package list

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

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
