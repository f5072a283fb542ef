// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/fields/fieldtest"
	"github.com/tiercel/tiercel/sinsp/format"
)

// A formatCase is a line of a case file: a format, the values of the fields
// that exist, and what comes of it.
type formatCase struct {
	Name       string          `json:"name"`
	Format     string          `json:"format"`
	Fields     map[string]any  `json:"fields"`
	OK         bool            `json:"ok"`
	Printed    bool            `json:"printed"`
	Text       string          `json:"text"`
	JSONFields json.RawMessage `json:"json_fields"`
	FieldNames []string        `json:"field_names"`
	Error      string          `json:"error"` // ours alone: a part of the message
}

// TestCases runs the project's own cases and, where they are present, the
// measured ones.
func TestCases(t *testing.T) {
	own := filepath.Join("testdata", "format.jsonl")
	t.Run("own", func(t *testing.T) { runCases(t, own) })
	t.Run("measured", func(t *testing.T) {
		path := filepath.Join("..", "..", "..", "shared", "conformance", "output_format.jsonl")
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no measured cases here (%v); the own ones cover the same ground", err)
		}
		runCases(t, path)
	})
}

func runCases(t *testing.T, path string) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for sc := bufio.NewScanner(file); sc.Scan(); {
		var c formatCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v in %s", path, err, sc.Text())
		}
		n++
		t.Run(c.Name, func(t *testing.T) { c.run(t) })
	}
	if n == 0 {
		t.Fatalf("%s holds no case", path)
	}
}

func (c *formatCase) run(t *testing.T) {
	cat, err := fieldtest.Mock(c.Fields)
	if err != nil {
		t.Fatal(err)
	}
	f, err := format.Compile(cat, c.Format)
	if (err == nil) != c.OK {
		t.Fatalf("Compile(%q): %v, want ok=%v", c.Format, err, c.OK)
	}
	if err != nil {
		var fe *format.Error
		if !errors.As(err, &fe) || !strings.Contains(fmt.Sprint(err, fe.Err), c.Error) {
			t.Errorf("error %q (%T), want one about %q", err, err, c.Error)
		}
		return
	}
	text, printed := f.AppendText([]byte("before "), nil)
	if printed != c.Printed || string(text) != "before "+c.Text {
		t.Errorf("AppendText = %q, %v; want %q, %v", text, printed, "before "+c.Text, c.Printed)
	}
	if diff := cmp.Diff(c.FieldNames, append([]string{}, f.Names()...)); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	var got, want any
	if err := json.Unmarshal(f.AppendFields(nil, nil), &got); err != nil {
		t.Fatalf("AppendFields is no JSON: %v", err)
	}
	if err := json.Unmarshal(c.JSONFields, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("AppendFields (-want +got):\n%s", diff)
	}
}

func compileOutput(t testing.TB, cat fields.Catalog, text string) *format.Format {
	t.Helper()
	f, err := format.CompileOutput(cat, text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mock(t testing.TB, values map[string]any) fields.Catalog {
	t.Helper()
	cat, err := fieldtest.Mock(values)
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func TestOutputsOfRulesAlwaysPrint(t *testing.T) {
	cat := mock(t, map[string]any{"proc.name": "cat"})
	for text, want := range map[string]string{
		"%proc.name %proc.pname":  "cat <NA>",
		"*%proc.name %proc.pname": "cat <NA>",
		"**":                      "*",
		"":                        "",
	} {
		got, ok := compileOutput(t, cat, text).AppendText(nil, nil)
		if !ok || string(got) != want {
			t.Errorf("%q renders %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestUnknownFieldNamesItAndSuggestsAnother(t *testing.T) {
	_, err := format.Compile(fields.Default(), "x %proc.nme y")
	var fe *format.Error
	if !errors.As(err, &fe) {
		t.Fatalf("error %v", err)
	}
	if fe.Offset != 2 || fe.Field != "proc.nme" || fe.Hint != "proc.name" {
		t.Errorf("error at %d about %q, hint %q", fe.Offset, fe.Field, fe.Hint)
	}
	var unknown *fields.UnknownFieldError
	if !errors.As(err, &unknown) {
		t.Errorf("%v does not say that the field is unknown", err)
	}
}

// TestWhatAuthorsRead: the message is that of other tools; the reason and the
// suggestion are what an author needs.
func TestWhatAuthorsRead(t *testing.T) {
	const unknown = "unknown filter: unexpected token after '"
	for _, c := range []struct {
		text, msg, reason, suggestion string
		at                            int
	}{
		{"x %proc.nme", unknown, "there is no field proc.nme", "proc.name", 2},
		{"%nothing.like.it", unknown, "there is no field nothing.like.it", "", 0},
		{"%evt.arg", unknown, "field evt.arg requires an argument", "", 0},
		{"a %evt.arg.nosuch", unknown, "unknown event argument nosuch", "", 2},
		{"%evt.type.is.nosuch", unknown, "unknown event type nosuch", "", 0},
		{"%toupper(proc.pid)", unknown, "transformer 'toupper' does not take 'proc.pid', which is of type INT64", "", 0},
		{"%toupper(proc.nme)", unknown, "there is no field proc.nme: did you mean proc.name?", "", 0},
		{"%toupper(proc.name, user.name)", unknown, "transformer 'toupper' takes one argument, got 2", "", 0},
		{"%tolower(proc.name", unknown, "tolower() is not complete: fields, numbers or quoted text go between its brackets", "", 0},
		{"%lower(proc.name)", unknown, "there is no transformer lower: there are tolower, toupper, b64, basename, len, join, concat, getopt", "", 0},
		{"%val(proc.name)", unknown, "val() is for conditions: write the field alone", "", 0},
		{"50%% of %proc.name", unknown, "a percent sign begins a field; there is no way to print one", "", 2},
		{"50% of it", unknown, "a percent sign begins a field; there is no way to print one", "", 2},
		{"100%", "invalid formatting syntax: formatting cannot end with a %", "", "", 3},
		{"x %10", "invalid formatting syntax: formatting cannot end with a number", "", "", 2},
		{"%99999999proc.name", "invalid formatting syntax: width above 65536", "", "", 0},
	} {
		_, err := format.CompileOutput(fields.Default(), c.text)
		var fe *format.Error
		if !errors.As(err, &fe) {
			t.Errorf("%q: error %v", c.text, err)
			continue
		}
		reason := ""
		if fe.Err != nil {
			reason = fe.Err.Error()
		}
		if fe.Msg != c.msg || reason != c.reason || fe.Hint != c.suggestion || fe.Offset != c.at {
			t.Errorf("%q: at %d %q, because %q, meant %q", c.text, fe.Offset, fe.Msg, reason, fe.Hint)
		}
	}
}

func TestBuffersInBase64(t *testing.T) {
	cat := mock(t, map[string]any{"evt.buffer": map[string]any{"hex": "48690a00ff21"}})
	f, err := format.Compile(cat, "%evt.buffer", format.Base64Buffers)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := f.AppendText(nil, nil); string(got) != "SGkKAP8h" {
		t.Errorf("text %q", got)
	}
	if got := format.NewObject(f).Append(nil, nil); string(got) != `{"evt.buffer":"SGkKAP8h"}` {
		t.Errorf("JSON %s", got)
	}
}

func TestObjectMergesFormatsAndExtraFields(t *testing.T) {
	cat := mock(t, map[string]any{
		"proc.name": "cat", "proc.pid": 7.0, "fd.types": []any{"file", "ipv4"}, "fd.sip": "10.0.0.1",
		"evt.rawtime.ns": 42.0, "proc.is_exe_writable": true, "thread.cpu": 3.0,
	})
	one := compileOutput(t, cat, "%proc.name %fd.sip %fd.types %proc.pname")
	two := compileOutput(t, cat, "%toupper(proc.name) %proc.pid %evt.rawtime.ns %proc.is_exe_writable %thread.cpu")
	o := format.NewObject(one, two)
	if err := o.AddField(cat, "pid", "proc.pid"); err != nil {
		t.Fatal(err)
	}
	o.AddFormat("who", compileOutput(t, cat, "%proc.name from %proc.pname"))
	const want = `{"evt.rawtime.ns":"000000042","fd.sip":"10.0.0.1","fd.types":["file","ipv4"],"pid":7,` +
		`"proc.is_exe_writable":true,"proc.name":"cat","proc.pid":7,"proc.pname":null,"thread.cpu":3.0,"who":"cat from <NA>"}`
	if got := string(o.Append(nil, nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := o.AddField(cat, "x", "proc.nope"); err == nil {
		t.Error("an unknown extra field was taken")
	}
	if err := o.AddField(cat, "x", "proc.name[1]"); err == nil {
		t.Error("an extra field with an argument that it does not take was taken")
	}
}

func TestStringsAreValidJSON(t *testing.T) {
	for in, want := range map[string]string{
		"plain":              `"plain"`,
		"a\"b\\c":            `"a\"b\\c"`,
		"\b\f\n\r\t\x00\x1b": `"\b\f\n\r\t\u0000\u001b"`,
		"日本\x7f":             "\"日本\x7f\"",
		"bad \xff\xc3 end":   "\"bad \ufffd\ufffd end\"",
	} {
		got := string(format.AppendString(nil, in))
		if got != want {
			t.Errorf("%q becomes %s, want %s", in, got, want)
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// FuzzCompile: whatever a rule's author writes, compiling and rendering it
// ends without a panic, and the fields are valid JSON.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"%proc.name", "*%5proc.name|", "%toupper(proc.env[HOME])", "%", "%%", "%9999999999proc.name",
		"%join(\",\", (proc.name, user.name))", "%evt.arg.flags %evt.arg[0]", "%proc.name[", "%fd.types[\"1\"]", "% %tolower("} {
		f.Add(s)
	}
	cat, err := fieldtest.Mock(map[string]any{"proc.name": "cat", "proc.pid": 1.0, "fd.types": []any{"file"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := format.Compile(cat, text)
		if err != nil {
			return
		}
		c.AppendText(nil, nil)
		if js := c.AppendFields(nil, nil); !json.Valid(js) {
			t.Errorf("%q gives %s", text, js)
		}
	})
}

func BenchmarkAppendText(b *testing.B) {
	cat := mock(b, map[string]any{"user.name": "root", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.tty": 34816.0})
	f := compileOutput(b, cat, "user=%user.name process=%proc.name parent=%proc.pname command=%proc.cmdline terminal=%proc.tty")
	o := format.NewObject(f)
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst, _ = f.AppendText(dst[:0], nil)
		}
	})
	b.Run("fields", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst = o.Append(dst[:0], nil)
		}
	})
}
