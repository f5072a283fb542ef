// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/agent"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/drivers"
)

// run is what one run of the agent left.
type run struct {
	status         int
	stdout, stderr string
}

// inFolder calls f in a temporary folder that holds the files.
func inFolder(files map[string]string, f func() error) error {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	home, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	defer func() { _ = os.Chdir(home) }()
	return f()
}

// tiercel runs the agent in this process, in the current folder.
func tiercel(args []string, env map[string]string) run {
	var stdout, stderr bytes.Buffer
	status := agent.Main(&agent.System{
		Args: args, Stdout: &stdout, Stderr: &stderr, Open: drivers.Open, Search: []string{},
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	return run{status, stdout.String(), stderr.String()}
}

func (r run) String() string {
	return fmt.Sprintf("status %d\nstdout: %s\nstderr: %s", r.status, r.stdout, r.stderr)
}

func runCLI(raw json.RawMessage) error {
	var c struct {
		Args   []string
		Files  map[string]string
		Expect struct {
			Exit      int
			Stdout    []string `json:"stdout_contains"`
			Stderr    []string `json:"stderr_contains"`
			NotStdout []string `json:"stdout_not_contains"`
			Keys      []string `json:"stdout_json_keys"`
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	return inFolder(c.Files, func() error {
		r := tiercel(c.Args, nil)
		if r.status != c.Expect.Exit {
			return fmt.Errorf("want status %d, got %v", c.Expect.Exit, r)
		}
		for _, want := range c.Expect.Stdout {
			if !strings.Contains(r.stdout, ours.Replace(want)) {
				return fmt.Errorf("stdout lacks %q: %v", ours.Replace(want), r)
			}
		}
		for _, want := range c.Expect.Stderr {
			if !strings.Contains(r.stderr, ours.Replace(want)) {
				return fmt.Errorf("stderr lacks %q: %v", ours.Replace(want), r)
			}
		}
		for _, no := range c.Expect.NotStdout {
			if strings.Contains(r.stdout, ours.Replace(no)) {
				return fmt.Errorf("stdout has %q", no)
			}
		}
		if len(c.Expect.Keys) > 0 {
			var doc map[string]any
			if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
				return fmt.Errorf("stdout is not a JSON object: %w", err)
			}
			for _, k := range c.Expect.Keys {
				if _, ok := doc[k]; !ok {
					return fmt.Errorf("stdout's object lacks %q", k)
				}
			}
		}
		return nil
	})
}

func runValidationText(raw json.RawMessage) error {
	var c struct {
		Files  map[string]string
		Args   []string
		Exit   int
		Stdout string
		Stderr string `json:"stderr_tail"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	return inFolder(c.Files, func() error {
		r := tiercel(append([]string{"-o", "log_stderr=false"}, c.Args...), nil)
		if err := differ("status", r.status, c.Exit); err != nil {
			return err
		}
		if err := differ("stdout", strings.TrimRight(r.stdout, "\n"), strings.TrimRight(ours.Replace(c.Stdout), "\n")); err != nil {
			return err
		}
		want := strings.TrimRight(ours.Replace(c.Stderr), "\n")
		if got := strings.TrimRight(r.stderr, "\n"); !strings.HasSuffix(got, want) {
			return fmt.Errorf("stderr %q does not end with %q", got, want)
		}
		return nil
	})
}

// Cases of configurations are run with one rules file and no driver.
const (
	baseConfig = "stdout_output: {enabled: true}\nengine: {kind: nodriver}\nlog_syslog: false\n"
	anyRule    = "- rule: r\n  desc: d\n  condition: evt.type = openat\n  output: o %proc.name\n  priority: NOTICE\n"
)

func runConfig(raw json.RawMessage) error {
	var c struct {
		Files   map[string]string
		Options []string
		Env     map[string]string
		Expect  struct {
			OK     bool
			Schema map[string]string
			Values map[string]*string
			Error  string `json:"error_contains"`
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	if c.Files["r.yaml"] == "" {
		c.Files["r.yaml"] = anyRule
	}
	args := []string{"-c", "falco.yaml", "-r", "r.yaml", "--dry-run"}
	for _, o := range c.Options {
		args = append(args, "-o", o)
	}
	return inFolder(c.Files, func() error {
		r := tiercel(args, c.Env)
		if (r.status == 0) != c.Expect.OK {
			return fmt.Errorf("want ok %v, got %v", c.Expect.OK, r)
		}
		if want := ours.Replace(c.Expect.Error); !strings.Contains(r.stderr, want) {
			return fmt.Errorf("stderr lacks %q: %v", want, r)
		}
		cfg, err := config.Load(config.Source{
			File: "falco.yaml", Overrides: c.Options, Search: []string{},
			Env: func(name string) (string, bool) { v, ok := c.Env[name]; return v, ok },
		})
		if err != nil {
			if c.Expect.OK || c.Expect.Schema != nil {
				return err
			}
			return nil
		}
		if err := checkSchema(cfg, c.Expect.Schema); err != nil {
			return err
		}
		for key, want := range c.Expect.Values {
			got, ok := cfg.Text(key)
			if ok != (want != nil) || ok && got != *want {
				return fmt.Errorf("%s is %q (%v), want %v", key, got, ok, show(want))
			}
		}
		return nil
	})
}

func checkSchema(cfg *config.Config, want map[string]string) error {
	if want == nil {
		return nil
	}
	got := map[string]string{}
	for _, f := range cfg.Reports {
		got[f.Path] = f.Status
	}
	return differ("schema checks", got, want)
}

func show(s *string) string {
	if s == nil {
		return "nothing"
	}
	return fmt.Sprintf("%q", *s)
}

func runRuleSelection(raw json.RawMessage) error {
	var c struct {
		Rules, Config string
		Options       []string
		Expect        struct {
			OK      bool
			Enabled []string
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	args := []string{"-c", "falco.yaml", "-r", "r.yaml", "--dry-run", "-o", "log_level=debug", "-o", "log_stderr=true"}
	for _, o := range c.Options {
		args = append(args, "-o", o)
	}
	return inFolder(map[string]string{"falco.yaml": baseConfig + c.Config, "r.yaml": c.Rules}, func() error {
		r := tiercel(args, nil)
		if (r.status == 0) != c.Expect.OK {
			return fmt.Errorf("want ok %v, got %v", c.Expect.OK, r)
		}
		if !c.Expect.OK {
			return nil
		}
		return differ("enabled rules", list(enabledRules(r.stderr)), list(c.Expect.Enabled))
	})
}

// enabledRules reads the names from the log: indented lines behind the head.
func enabledRules(log string) []string {
	var names []string
	_, rest, _ := strings.Cut(log, "Enabled rules:\n")
	for _, line := range strings.Split(rest, "\n") {
		name, ok := strings.CutPrefix(line, "   ")
		if !ok {
			break
		}
		names = append(names, name)
	}
	return names
}
