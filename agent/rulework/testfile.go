// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/tiercel/tiercel/agent/textfile"
)

// texts is a list of texts, or a single one.
type texts []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *texts) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		var s string
		if err := n.Decode(&s); err != nil {
			return err
		}
		*t = texts{s}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	*t = list
	return nil
}

// testFile is a file of tests.
type testFile struct {
	path string

	Rules    texts      `yaml:"rules"`         // files and folders beside the test file, or "default"
	Matching string     `yaml:"rule_matching"` // first or all; "": as configured
	Enable   texts      `yaml:"enable"`        // patterns of names
	Disable  texts      `yaml:"disable"`
	Host     hostSpec   `yaml:"host"`
	Tests    []testCase `yaml:"tests"`
}

// hostSpec is what there is before the first event.
type hostSpec struct {
	Name      string            `yaml:"name"`
	Users     map[string]uint32 `yaml:"users"`
	Groups    map[string]uint32 `yaml:"groups"`
	Processes []yaml.Node       `yaml:"processes"`
}

// testCase is one test.
type testCase struct {
	Name    string      `yaml:"name"`
	Host    hostSpec    `yaml:"host"` // beside that of the file
	Events  []yaml.Node `yaml:"events"`
	Capture string      `yaml:"capture"` // a capture file, instead of events
	Expect  expectation `yaml:"expect"`
	// Silent are patterns of the names of rules that must not fire.
	Silent texts `yaml:"silent"`
	// Others says what becomes of alerts that Expect does not name: refused
	// (the default) or ignored.
	Others string `yaml:"others"`

	line int
}

// expectation is a list of alerts, or the word none.
type expectation struct {
	given  bool
	alerts []wanted
}

// wanted describes an alert.
type wanted struct {
	Rule     string            `yaml:"rule"` // its name, or a pattern with *
	Priority string            `yaml:"priority"`
	Output   texts             `yaml:"output"` // each is part of the text
	Fields   map[string]string `yaml:"fields"`
	Count    *int              `yaml:"count"` // how often, one after the other; 1 when absent

	line int
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (x *expectation) UnmarshalYAML(n *yaml.Node) error {
	x.given = true
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: expect is a list of alerts, or none", n.Line)
	}
	for _, c := range n.Content {
		w := wanted{line: c.Line}
		if c.Kind == yaml.ScalarNode {
			w.Rule = c.Value
		} else if err := decodeStrict(c, &w); err != nil {
			return err
		}
		if w.Rule == "" {
			return fmt.Errorf("line %d: an expected alert names its rule", c.Line)
		}
		x.alerts = append(x.alerts, w)
	}
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *testCase) UnmarshalYAML(n *yaml.Node) error {
	type plain testCase
	c.line = n.Line
	if err := decodeStrict(n, (*plain)(c)); err != nil {
		return err
	}
	switch {
	case c.Name == "":
		return fmt.Errorf("line %d: a test has a name", n.Line)
	case (len(c.Events) > 0) == (c.Capture != ""):
		return fmt.Errorf("line %d: test %q has either events or a capture", n.Line, c.Name)
	case !c.Expect.given && len(c.Silent) == 0:
		return fmt.Errorf("line %d: test %q expects nothing: say expect: none, or silent", n.Line, c.Name)
	case c.Others == "":
		c.Others = othersRefused
		if !c.Expect.given {
			c.Others = othersIgnored // it is only about the silence of some rules
		}
	case c.Others != othersRefused && c.Others != othersIgnored:
		return fmt.Errorf("line %d: others is refused or ignored, not %q", n.Line, c.Others)
	}
	return nil
}

const (
	othersRefused = "refused"
	othersIgnored = "ignored"
)

// decodeStrict decodes a node and refuses keys that it does not know.
func decodeStrict(n *yaml.Node, to any) error {
	return n.Load(to, yaml.WithKnownFields(), yaml.WithUniqueKeys())
}

// Limits of test files.
const (
	maxTestFile  = 8 << 20
	maxTestDepth = 32
	maxAliases   = 1000
	maxTests     = 10_000
	maxSteps     = 100_000
)

// readTests reads a file of tests.
func readTests(path string) (*testFile, error) {
	text, err := textfile.Read(path, maxTestFile)
	if err != nil {
		return nil, readError(path, err)
	}
	f, err := parseTests(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.path = path
	return f, nil
}

func parseTests(text []byte) (*testFile, error) {
	if len(text) > maxTestFile {
		return nil, fmt.Errorf("the file is larger than %d MiB", maxTestFile>>20)
	}
	limits := loaderlimits.New(loaderlimits.DepthValue(maxTestDepth), loaderlimits.AliasValue(maxAliases))
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithKnownFields(), yaml.WithUniqueKeys(), yaml.WithPlugin(limits))
	if err != nil {
		return nil, err
	}
	f := &testFile{}
	if err := loader.Load(f); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file has no tests")
		}
		return nil, err
	}
	steps := 0
	for i := range f.Tests {
		steps += len(f.Tests[i].Events)
	}
	switch {
	case len(f.Tests) == 0:
		return nil, errors.New("the file has no tests")
	case len(f.Tests) > maxTests || steps > maxSteps:
		return nil, fmt.Errorf("the file has more than %d tests or %d events", maxTests, maxSteps)
	case f.Matching != "" && f.Matching != "first" && f.Matching != "all":
		return nil, fmt.Errorf("rule_matching is first or all, not %q", f.Matching)
	}
	return f, nil
}

// beside returns a path as seen from the test file.
func (f *testFile) beside(path string) string {
	if path == builtinRules || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}
