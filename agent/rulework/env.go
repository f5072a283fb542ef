// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tiercel/tiercel/agent/textfile"
	"github.com/tiercel/tiercel/rules"
	defaultrules "github.com/tiercel/tiercel/rules/default"
)

// Exit statuses of the commands.
const (
	StatusOK      = 0
	StatusBad     = 1 // the rules have faults, a test fails
	StatusTrouble = 2 // nothing can be said: a file cannot be read
)

// Env is what the commands work with.
type Env struct {
	Stdout io.Writer
	// Rules are the options of a load that the configuration decides.
	Rules rules.Options
	// All is rule_matching: all.
	All bool
	// Files are the rules files and folders of a test that names none: those
	// of the command line, else of the configuration. Forced, they are used
	// for every test.
	Files  []string
	Forced bool
}

// builtinRules stands for the rules that are built in where a test names its
// rules files.
const builtinRules = "default"

// readRules reads rules files and the rules files of folders (not what lies
// deeper), in order.
func readRules(paths []string) ([]rules.File, error) {
	var files []rules.File
	for _, p := range paths {
		if p == builtinRules {
			for _, f := range defaultrules.Files() {
				files = append(files, rules.File(f))
			}
			continue
		}
		names, err := expand(p, isRulesFile)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			content, err := textfile.Read(name, rules.MaxFileSize)
			if err != nil {
				return nil, readError(name, err)
			}
			files = append(files, rules.File{Name: name, Content: content})
		}
	}
	return files, nil
}

func isRulesFile(path string) bool {
	return (rules.MatchName("*.yaml", path) || rules.MatchName("*.yml", path)) && !isTestFile(path)
}

// isTestFile tells the tests of rules, which lie beside them, from rules.
func isTestFile(path string) bool {
	return rules.MatchName("*_test.yaml", filepath.Base(path)) || rules.MatchName("*_test.yml", filepath.Base(path))
}

// expand returns the path itself, or the files of a folder that want accepts,
// in byte order.
func expand(path string, want func(string) bool) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, readError(path, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, readError(path, err)
	}
	var names []string
	for _, e := range entries {
		full := filepath.Join(path, e.Name())
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() && want(full) {
			names = append(names, full)
		}
	}
	slices.Sort(names)
	return names, nil
}

// testFiles returns the path itself, or the tests in a folder and in the
// folder tests below it: every file of a folder of rules is read as rules, so
// tests lie apart.
func testFiles(path string) ([]string, error) {
	names, err := expand(path, isTestFile)
	if err != nil {
		return nil, err
	}
	below := filepath.Join(path, "tests")
	if info, err := os.Stat(below); err != nil || !info.IsDir() {
		return names, nil
	}
	more, err := expand(below, isTestFile)
	return append(names, more...), err
}

func readError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}
