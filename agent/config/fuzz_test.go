// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

// Whatever a file says, reading it ends, and what was read can be used: dumped,
// compared with itself and held against the schema.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(Builtin), "json_output=true")
	f.Add(Example(), "rules[].disable.rule=*")
	f.Add([]byte("plugins: [{name: container, library_path: x, init_config: {engines: {docker: {sockets: [/a]}}}}]\n"), "plugins[0].init_config={a: 1}")
	f.Add([]byte("append_output:\n  - match: {tags: [a]}\n    extra_fields: [a, {b: c}]\n"), "append_output[0].suggested_output=true")
	f.Add([]byte(aliasBomb()[:200]), "a.b[3][2].c=")
	f.Add([]byte("a: &a [*a, *a]\nb: {<<: *a}\n"), "engine={kind: ${A}}")
	f.Add([]byte("engine: {kind: auto}\n"), "a[][1]=2")
	f.Add([]byte("%YAML 1.2\n---\n? [a]\n: !!binary x\n"), `x\.y=1`)
	f.Fuzz(func(t *testing.T, text []byte, option string) {
		env := func(name string) (string, bool) { return "${" + name + "}" + name, len(name) < 3 }
		tree, _, err := parse(text, "f", env)
		if err != nil {
			return
		}
		if tree.Kind != Map {
			return
		}
		Check(tree)
		strays(tree)
		c := &Config{tree: tree, MainFile: "f"}
		if options, err := splitOptions([]string{option}); err == nil {
			if c.apply(options, false) != nil {
				return
			}
		}
		c.Dump()
		if c.decode() != nil || c.check() != nil {
			return
		}
		c.warnNoEffect()
		if changed := Changed(c, c); changed != nil && !strings.Contains(c.Dump(), "nan") {
			t.Errorf("%v differ from themselves", changed)
		}
		initText(tree)
	})
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${A}", "$${A}", "a$b${X}", "${", "$$", "${}"} {
		f.Add(s, "x${A}")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		got := Expand(text, func(string) (string, bool) { return value, true })
		if len(got) > max(len(text), maxScalar) {
			t.Errorf("%d bytes", len(got))
		}
	})
}

func FuzzInterval(f *testing.F) {
	for _, s := range []string{"1h30m", "010m", "99999999999999999999y", "1ms1s", ""} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) { ParseInterval(text) })
}
