// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/tiercel/tiercel/agent/textfile"
	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/sinsp/fields"
)

// isRulesFile tells rules files from others by their names. The pattern's first
// ".yaml" must end the path, as the wildcard is defined.
func isRulesFile(path string) bool {
	return rules.MatchName("*.yaml", path) || rules.MatchName("*.yml", path)
}

// readRules reads the rules files that the command line or the configuration
// names, or the embedded ones when there is no configuration file.
func (r *run) readRules() ([]rules.File, error) {
	if len(r.opts.Rules) > 0 {
		return readRulePaths(r.opts.Rules, false)
	}
	if len(r.cfg.RulesFiles) == 0 && r.cfg.MainFile == "" {
		return builtinRules(), nil
	}
	var there []string
	for _, p := range r.cfg.RulesFiles {
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
			// A configuration may name files that are made when they are needed; one
			// that has gone while the agent runs is more likely a mistake.
			say := r.log.Info
			if r.watch != nil {
				say = r.log.Warn
			}
			say(fmt.Sprintf("There is no rules file or folder %s (rules_files in %s): it counts as empty", p, configName(r.cfg.MainFile)))
			continue
		}
		there = append(there, p)
	}
	if len(there) == 0 {
		return nil, messagef("You must specify at least one rules file/directory via -r or a rules_file entry in %s.", configName(r.cfg.MainFile))
	}
	return readRulePaths(there, false)
}

// builtinRules are the embedded rules.
func builtinRules() []rules.File {
	var files []rules.File
	for _, f := range defaultrules.Files() {
		files = append(files, rules.File(f))
	}
	return files
}

func configName(file string) string {
	if file == "" {
		return "the configuration"
	}
	return fileName(file)
}

// readRulePaths reads files and folders (not what lies deeper), folders in byte
// order. With any, a file's name does not matter.
func readRulePaths(paths []string, any bool) ([]rules.File, error) {
	var files []rules.File
	for _, p := range paths {
		info, err := os.Stat(p)
		names := []string{p}
		switch {
		case err != nil:
			return nil, openError(p, err)
		case info.IsDir() && !any:
			if names, err = ruleFolder(p); err != nil {
				return nil, openError(p, err)
			}
		case !any && !isRulesFile(p):
			continue
		}
		for _, name := range names {
			content, err := textfile.Read(name, rules.MaxFileSize)
			if err != nil {
				return nil, openError(name, err)
			}
			files = append(files, rules.File{Name: name, Content: content})
		}
	}
	return files, nil
}

// openError says which file cannot be read, and why when it is there.
func openError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return messagef("Could not open file %s for reading", path)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return messagef("Could not open file %s for reading: %v", path, err)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func ruleFolder(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		full := filepath.Join(dir, e.Name())
		info, err := os.Stat(full)
		if err == nil && info.Mode().IsRegular() && isRulesFile(full) {
			names = append(names, full)
		}
	}
	sort.Strings(names)
	return names, nil
}

// ruleOptions are the options of a load that the configuration decides.
func (r *run) ruleOptions() rules.Options {
	o := rules.Options{Catalog: r.catalog(), AppendOutput: r.appendOutput()}
	if p, ok := rules.ParsePriority(r.cfg.Priority); ok {
		o.MinPriority = &p
	}
	return o
}

// suggestedFields are the fields that container support suggests for every
// output.
var suggestedFields = []string{
	"container.id", "container.name", "container.image.repository", "container.image.tag", "k8s.pod.name", "k8s.ns.name",
}

func (r *run) appendOutput() []rules.AppendOutput {
	var out []rules.AppendOutput
	for _, a := range r.cfg.AppendOutput {
		x := rules.AppendOutput{Source: a.Source, Rule: a.Rule, Tags: a.Tags, Output: a.ExtraOutput}
		for _, f := range a.ExtraFields {
			x.Fields = append(x.Fields, rules.ExtraField{Key: f.Name, Format: f.Format})
		}
		if a.Suggested && (a.Source == "" || a.Source == SourceSyscall) {
			x.Output = strings.TrimSpace(x.Output + " " + suggestedOutput())
		}
		out = append(out, x)
	}
	switch p := r.opts.Print; p {
	case "", "c", "container", "k", "kubernetes":
	default:
		out = append(out, rules.AppendOutput{Output: p})
	}
	return out
}

// suggestedOutput names each suggested field that exists: foo_bar=%foo.bar.
func suggestedOutput() string {
	var parts []string
	for _, f := range suggestedFields {
		if fields.Default().Lookup(f) != nil {
			parts = append(parts, strings.ReplaceAll(f, ".", "_")+"=%"+f)
		}
	}
	return strings.Join(parts, " ")
}

// validate is -V: judge rules files and end.
func (r *run) validate() (bool, error) {
	if len(r.opts.Validate) == 0 {
		return false, nil
	}
	files, err := readRulePaths(r.opts.Validate, true)
	if err != nil {
		return true, err
	}
	o := r.ruleOptions()
	o.Validate = true
	set, report := rules.Load(files, o)
	if report.Unmet != "" {
		return true, messagef("%s", report.Unmet)
	}
	r.logReport(report)
	for _, h := range report.Hints() {
		r.notice(h)
	}
	if set != nil {
		for _, line := range set.DeadFields() {
			r.notice(line)
		}
	}
	describe := set != nil && (r.opts.Describe || r.opts.DescribeRule != "")
	if r.cfg.JSONOutput {
		return true, r.validateJSON(set, report, describe)
	}
	r.print("%s\n", report.Text())
	if err := report.Err(); err != nil {
		// The whole summary again, also of the files that are good.
		return true, messagef("%s", report.Text())
	}
	if describe {
		return true, r.describe(set)
	}
	return true, nil
}

// logReport logs schema checks, warnings and hints of a load.
func (r *run) logReport(report *rules.Report) {
	r.log.Info("Loading rules from:")
	for i := range report.Files {
		f := &report.Files[i]
		line := fmt.Sprintf("   %s | schema validation: %s", f.Name, f.Schema)
		if len(f.SchemaWarnings) > 0 {
			r.log.Warn(line + " " + f.SchemaWarnings[0])
		} else {
			r.log.Info(line)
		}
		if f.OK() && len(f.Warnings) > 0 {
			r.log.Warn(f.Text())
		}
	}
}
