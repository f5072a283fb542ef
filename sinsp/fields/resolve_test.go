// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name, arg string
		hasArg    bool
		text      string // of the reference; "" when refused
		typ       scap.ParamType
		err       string
	}{
		{name: "proc.name", text: "proc.name", typ: scap.PTCharbuf},
		{name: "proc.aname", text: "proc.aname", typ: scap.PTCharbuf},
		{name: "proc.aname", arg: "2", hasArg: true, text: "proc.aname[2]", typ: scap.PTCharbuf},
		{name: "proc.aname", arg: "x", hasArg: true, err: "x is not a valid number"},
		{name: "proc.aname", arg: "", hasArg: true, err: "empty argument"},
		{name: "proc.env", arg: "HOME", hasArg: true, text: "proc.env[HOME]", typ: scap.PTCharbuf},
		{name: "proc.aenv", arg: "HOME", hasArg: true, text: "proc.aenv[HOME]", typ: scap.PTCharbuf},
		{name: "evt.arg.flags", text: "evt.arg.flags", typ: scap.PTCharbuf},
		{name: "evt.arg", arg: "flags", hasArg: true, text: "evt.arg[flags]", typ: scap.PTCharbuf},
		{name: "evt.arg", arg: "0", hasArg: true, text: "evt.arg[0]", typ: scap.PTCharbuf},
		{name: "evt.arg", arg: "-1", hasArg: true, err: "not a valid parameter number"},
		{name: "evt.arg", err: "requires an argument"},
		{name: "evt.arg.nosuch", err: "unknown event argument nosuch"},
		{name: "evt.rawarg.res", text: "evt.rawarg.res", typ: scap.PTErrno},
		{name: "evt.rawarg.name", text: "evt.rawarg.name", typ: scap.PTFSPath},
		{name: "evt.type.is.openat", text: "evt.type.is.openat", typ: scap.PTUint32},
		{name: "evt.type.is.getppid", text: "evt.type.is.getppid", typ: scap.PTUint32},
		{name: "evt.type.is.3", text: "evt.type.is.3", typ: scap.PTUint32},
		{name: "evt.type.is.nosuch", err: "unknown event type nosuch"},
		{name: "thread.cgroup.cpu", text: "thread.cgroup.cpu", typ: scap.PTCharbuf},
		{name: "evt.abspath.src", text: "evt.abspath.src", typ: scap.PTCharbuf},
		{name: "evt.abspath.left", err: "src or dst"},
		{name: "container.mount.dest", arg: "/etc*", hasArg: true, text: "container.mount.dest[/etc*]", typ: scap.PTCharbuf},
		{name: "proc.nme", err: "filter_check called with nonexistent field proc.nme"},
		{name: "Proc.Name", err: "filter_check called with nonexistent field Proc.Name"},
		{name: "proc.name", arg: "1", hasArg: true, err: "filter_check called with nonexistent field proc.name[1]"},
		{name: "proc.name.x", err: "filter_check called with nonexistent field proc.name.x"},
		{name: "", err: "nonexistent field"},
	} {
		ref, err := fields.Resolve(fields.Default(), c.name, c.arg, c.hasArg)
		switch {
		case c.err != "":
			var unknown *fields.UnknownFieldError
			var bad *fields.ArgumentError
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s[%s]: error %v, want %q", c.name, c.arg, err, c.err)
			} else if !errors.As(err, &unknown) && !errors.As(err, &bad) {
				t.Errorf("%s[%s]: error is a %T", c.name, c.arg, err)
			}
		case err != nil:
			t.Errorf("%s[%s]: %v", c.name, c.arg, err)
		case ref.Text != c.text || ref.Type != c.typ:
			t.Errorf("%s[%s] is %s of type %d, want %s of type %d", c.name, c.arg, ref.Text, ref.Type, c.text, c.typ)
		}
	}
}

func TestResolvePrefixTakesTheLongestField(t *testing.T) {
	for text, want := range map[string]string{
		"proc.name":                  "proc.name",
		"proc.name.":                 "proc.name",
		"proc.names":                 "proc.name",
		"proc.name[1]":               "proc.name",
		"proc.aname[2]x":             "proc.aname[2]",
		"proc.aname[2":               "proc.aname",
		"proc.aname[x]":              "proc.aname",
		`proc.env["A B"] `:           `proc.env["A B"]`,
		"evt.arg.flags,":             "evt.arg.flags",
		"evt.type(":                  "evt.type",
		"evt.type.is.open ":          "evt.type.is.open",
		"fd.sip.name":                "fd.sip.name",
		"fd.sip.nam":                 "fd.sip",
		"evt.rawtime.ns":             "evt.rawtime.ns",
		"proc.exe_ino.ctime_x":       "proc.exe_ino.ctime",
		"container.mount.dest[/a*].": "container.mount.dest[/a*]",
	} {
		_, n, err := fields.ResolvePrefix(fields.Default(), text)
		if err != nil || text[:n] != want {
			t.Errorf("%q: %q, %v; want %q", text, text[:n], err, want)
		}
	}
	for _, text := range []string{"", ".", "proc", "proc.", "x.y", "[1]", "evt.arg", "evt.arg[x"} {
		if _, n, err := fields.ResolvePrefix(fields.Default(), text); err == nil || n != 0 {
			t.Errorf("%q: took %d bytes", text, n)
		}
	}
}

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"proc.nme":      "proc.name",
		"proc.Name":     "proc.name",
		"fd.names":      "fd.name",
		"user.loginud":  "user.loginuid",
		"evt.argument":  "",
		"nothing.alike": "",
	} {
		if got := fields.Default().Suggest(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestMisspeltParametersSuggestOthers(t *testing.T) {
	for name, want := range map[string]string{
		"evt.arg.falgs":     "evt.arg.flags",
		"evt.rawarg.flaggs": "evt.rawarg.flags",
		"evt.arg.oldpth":    "evt.arg.oldpath",
		"evt.arg.e":         "",
		"evt.arg.frobnize":  "",
	} {
		_, err := fields.Resolve(fields.Default(), name, "", false)
		var arg *fields.ArgumentError
		if !errors.As(err, &arg) || arg.Meant != want {
			t.Errorf("%s: %v, meant %+v; want %q", name, err, arg, want)
		}
	}
}

func TestStaticConstants(t *testing.T) {
	cat := fields.Default().WithStatic(map[string]string{"site": "lab"})
	ref, err := fields.Resolve(cat, "static.site", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var v fields.Value
	if !ref.Extract(nil, &v) || v.S != "lab" {
		t.Errorf("static.site is %q", v.S)
	}
	if cat.Lookup("proc.name") == nil || fields.Default().Lookup("static.site") != nil {
		t.Error("the constant belongs to the new table alone, beside all other fields")
	}
}

func TestServicePort(t *testing.T) {
	for name, want := range map[string]uint16{"http": 80, "https": 443, "ssh": 22, "domain": 53} {
		if got, ok := fields.ServicePort(name); !ok || got != want {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
	}
	if _, ok := fields.ServicePort("no-such-service"); ok {
		t.Error("found a service that does not exist")
	}
}

// stockFields returns every field that the stock rules use in conditions,
// outputs and exceptions.
func stockFields(t testing.TB) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(shared(t, "data/rules"), "*.yaml"))
	if len(files) == 0 {
		t.Skip("no stock rules here")
	}
	field := regexp.MustCompile(`\b(?:evt|syscall|proc|thread|fd|fs\.path|user|group|container|k8s)(?:\.[a-z0-9_]+)+(?:\[[^\]]*\])?`)
	var found []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var items []map[string]any
		if err := yaml.Unmarshal(b, &items); err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			var text strings.Builder
			for _, key := range []string{"condition", "output"} {
				s, _ := it[key].(string)
				text.WriteString(s + "\n")
			}
			exceptions, _ := it["exceptions"].([]any)
			for _, e := range exceptions {
				m, _ := e.(map[string]any)
				switch fs := m["fields"].(type) {
				case string:
					text.WriteString(fs + "\n")
				case []any:
					for _, f := range fs {
						text.WriteString(f.(string) + "\n")
					}
				}
			}
			found = append(found, field.FindAllString(text.String(), -1)...)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	// Host names in conditions look like fields.
	return slices.DeleteFunc(found, func(s string) bool { return strings.HasPrefix(s, "k8s.io") || strings.HasPrefix(s, "k8s.gcr") })
}

func TestEveryFieldOfTheStockRulesResolves(t *testing.T) {
	names := stockFields(t)
	if len(names) < 80 {
		t.Errorf("found only %d fields: %v", len(names), names)
	}
	for _, name := range names {
		_, n, err := fields.ResolvePrefix(fields.Default(), name)
		if err != nil || n != len(name) {
			t.Errorf("%s: %v (took %q)", name, err, name[:n])
		}
	}
}

// FuzzResolvePrefix: it never takes more than there is, and what it took
// resolves to the same field on its own.
func FuzzResolvePrefix(f *testing.F) {
	for _, s := range []string{"proc.name", "evt.arg.flags x", "proc.aname[2]", `proc.env["A B"]`, "proc.env[", "..", "evt.type.is.open", "thread.cgroup.cpu[1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, n, err := fields.ResolvePrefix(fields.Default(), text)
		if err != nil {
			return
		}
		again, m, err := fields.ResolvePrefix(fields.Default(), text[:n])
		if err != nil || m != n || again.Text != ref.Text {
			t.Errorf("%q: took %q as %s, alone %d bytes as %s (%v)", text, text[:n], ref.Text, m, again.Text, err)
		}
	})
}
