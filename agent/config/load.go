// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"syscall"

	"github.com/tiercel/tiercel/agent/textfile"
)

// SearchPath is where a configuration is looked for without -c, in order.
var SearchPath = []string{"/etc/tiercel/tiercel.yaml", "/etc/falco/falco.yaml"}

// Source says what to load.
type Source struct {
	File      string   // -c; "" searches SearchPath and falls back to Builtin
	Overrides []string // -o key=value, in order
	Env       func(string) (string, bool)
	Search    []string // instead of SearchPath, for tests
}

// Builtin is the configuration in force when there is no file at all.
const Builtin = `
stdout_output: {enabled: true}
log_stderr: true
log_syslog: false
`

// ErrNoFile is in the error for a -c file that cannot be read.
var ErrNoFile = errors.New("no configuration file")

// Find returns the configuration file that s means, "" for the built-in one.
func (s *Source) Find() (string, error) {
	if s.File != "" {
		f, err := os.OpenFile(s.File, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
		if err != nil {
			return "", &missingFile{s.File}
		}
		return s.File, f.Close()
	}
	for _, path := range s.search() {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", nil
}

func (s *Source) search() []string {
	if s.Search == nil {
		return SearchPath
	}
	return s.Search
}

type missingFile struct{ path string }

func (e *missingFile) Error() string { return "Could not find configuration file at " + e.path }
func (e *missingFile) Unwrap() error { return ErrNoFile }

// Load finds, reads, merges, decodes and checks a configuration. The Config
// is nil when err is not.
func Load(s Source) (*Config, error) {
	file, err := s.Find()
	if err != nil {
		return nil, err
	}
	if s.Env == nil {
		s.Env = os.LookupEnv
	}
	c := &Config{MainFile: file}
	if file == "" {
		for _, path := range s.search() {
			c.watchFile(path)
		}
	}
	if err := c.readMain(&s); err != nil {
		return nil, err
	}
	options, err := splitOptions(s.Overrides)
	if err != nil {
		return nil, err
	}
	if err := c.apply(options, true); err != nil {
		return nil, err
	}
	if err := c.include(&s); err != nil {
		return nil, err
	}
	if err := c.apply(options, false); err != nil {
		return nil, err
	}
	if err := c.decode(); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.warnNoEffect()
	c.Warnings = distinct(c.Warnings)
	return c, nil
}

// distinct returns the texts without repetitions, in order.
func distinct(texts []string) []string {
	var out []string
	for _, s := range texts {
		if !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// warnNoEffect tells of keys that ask for something that is not done.
func (c *Config) warnNoEffect() {
	for i := range Keys {
		k := &Keys[i]
		if k.NoEffect == "" || !k.asks(c) {
			continue
		}
		c.Warnings = append(c.Warnings, removedText(k.Path, c.at(k.Path), k.NoEffect))
	}
}

// asks reports whether a key is written with a value that wants something.
func (k *Key) asks(c *Config) bool {
	if !c.Has(k.Path) {
		return false
	}
	switch v := k.dst(c).(type) {
	case *bool:
		return *v
	case *uint32:
		return *v != 0
	}
	return true
}

func (c *Config) readMain(s *Source) error {
	if c.MainFile == "" {
		tree, _, err := parse([]byte(Builtin), "built-in defaults", s.Env)
		c.tree = tree
		return err
	}
	tree, err := c.readFile(c.MainFile, s.Env)
	if err != nil {
		return messagef("Cannot read config file (%s): %w", c.MainFile, err)
	}
	c.tree = tree
	return nil
}

// readFile reads one file and reports its schema check.
func (c *Config) readFile(path string, env func(string) (string, bool)) (*Node, error) {
	c.watchFile(path)
	text, err := textfile.Read(path, maxFileSize)
	if err != nil {
		return nil, err
	}
	tree, twice, err := parse(text, path, env)
	if err != nil {
		return nil, err
	}
	c.Warnings = append(c.Warnings, twice...)
	report := FileReport{Path: path, Status: "ok", Reason: Check(tree), SHA256: fmt.Sprintf("%x", sha256.Sum256(text))}
	if tree.Kind == Null {
		tree.Kind = Map
	}
	if tree.Kind != Map {
		return nil, fmt.Errorf("%s: a configuration is a map of keys, this is %s", tree.Origin, tree.Kind)
	}
	if report.Reason != "" {
		report.Status = "failed"
	}
	c.Warnings = append(c.Warnings, strays(tree)...)
	c.Reports = append(c.Reports, report)
	return tree, nil
}

type option struct {
	text, key string
	value     *Node
}

func splitOptions(overrides []string) ([]option, error) {
	var options []option
	for _, text := range overrides {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, messagef("Error parsing config option %q. Must be of the form key=val or key.subkey=val", text)
		}
		v := &Node{Kind: Scalar, Text: value, Quoted: true}
		if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
			var err error
			if v, _, err = parse([]byte(value), "", nil); err != nil {
				return nil, messagef("Config error at key \"%s\": the value is not an object: %v", key, err)
			}
		}
		v.setOrigin(Origin{File: "-o " + text})
		options = append(options, option{text, key, v})
	}
	return options, nil
}

func (n *Node) setOrigin(o Origin) {
	n.Origin = o
	for _, item := range n.Items {
		item.setOrigin(o)
	}
}

// apply puts the options into the tree. Those of config_files come before the
// files are included; all of them after, so that they win over every file.
func (c *Config) apply(options []option, configFiles bool) error {
	for _, o := range options {
		if configFiles && !strings.HasPrefix(o.key, "config_files") {
			continue
		}
		if err := c.tree.Assign(o.key, o.value.Clone()); err != nil {
			return err
		}
		if w := unknownKey(o.key); w != "" && !configFiles {
			c.Warnings = append(c.Warnings, w)
		}
	}
	return nil
}

// include merges the files that config_files names.
func (c *Config) include(s *Source) error {
	for _, item := range c.tree.Get("config_files").entries() {
		path, strategy := item.Text, "append"
		if item.Kind == Map {
			path, strategy = item.text("path"), item.text("strategy")
		}
		if item.Kind == List || item.Kind == Map && item.Get("path") == nil {
			return badEntry("config_files", item, "an entry is a path or {path, strategy}")
		}
		if err := item.onlyTexts("config_files", "path", "strategy"); err != nil {
			return err
		}
		if path == "" {
			continue // like a file that does not exist
		}
		if c.MainFile != "" && samePath(path, c.MainFile) {
			return messagef("Config error: 'config_files' directive tried to recursively include main config file: %s.", c.MainFile)
		}
		files, folder, err := expandPath(path)
		if err != nil {
			return fmt.Errorf("config_files: %w (%s)", err, item.Origin)
		}
		if folder {
			c.watchFolder(path)
		} else {
			c.watchFile(path)
		}
		for _, f := range files {
			if err := c.includeFile(f, strategy, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Config) includeFile(path, strategy string, s *Source) error {
	tree, err := c.readFile(path, s.Env)
	if err != nil {
		return messagef("Cannot read config file (%s): %w", path, err)
	}
	if tree.Get("config_files") != nil {
		return messagef("Config error: 'config_files' directive in included config file %s.", path)
	}
	return merge(c.tree, tree, strategy)
}

// samePath compares paths as they are written; only repeated slashes do not
// matter. The main file under another name is refused when it is read.
func samePath(a, b string) bool {
	slashes := func(r rune) bool { return r == '/' }
	return strings.HasPrefix(a, "/") == strings.HasPrefix(b, "/") &&
		slices.Equal(strings.FieldsFunc(a, slashes), strings.FieldsFunc(b, slashes))
}

// merge puts the top-level keys of from into to.
func merge(to, from *Node, strategy string) error {
	for i, key := range from.Keys {
		v, old := from.Items[i], to.Get(key)
		switch {
		case strategy != "override" && strategy != "add-only" && v.Kind == List && len(v.Items) == 0 && (old == nil || old.Kind == Null):
			// An empty list appended to nothing is nothing: the key stays absent.
		case old == nil || strategy == "override":
			to.set(key, v)
		case strategy == "add-only":
		case v.Kind == List && old.Kind == List:
			old.Items = append(old.Items, v.Items...)
		case v.Kind == List && old.Kind != Null && len(v.Items) > 0:
			return messagef("appending to a non-sequence: %s is a list at %s but not at %s", key, v.Origin, old.Origin)
		case v.Kind == List && old.Kind != Null:
		default:
			to.set(key, v)
		}
	}
	return nil
}

// expandPath returns the files that a path stands for: itself, or the regular
// files of a folder in byte order; none when it does not exist.
func expandPath(path string) (files []string, folder bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil || !info.IsDir() {
		return []string{path}, false, nil // reading it reports what is wrong
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, true, err
	}
	for _, e := range entries {
		full := strings.TrimSuffix(path, "/") + "/" + e.Name() // as the user writes it
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() {
			files = append(files, full)
		}
	}
	sort.Strings(files)
	return files, true, nil
}
