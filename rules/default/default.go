// SPDX-License-Identifier: Apache-2.0

// Package defaultrules embeds the rules that the agent uses when the
// configuration names no rules file, so that a first run needs no file at all.
//
// They are several files that load in the order of their names: first the
// vocabulary, then one file for each tactic of ATT&CK. Package catalog beside
// it reads what they say of themselves; docs/rules.md is made from that.
package defaultrules

import (
	"bytes"
	"embed"
	"io/fs"
	"sync"
)

//go:generate go run ./gen

// FileName is the name of the text of all default rules.
const FileName = "tiercel_rules.yaml"

// Folder stands before the names of the embedded files in reports and logs,
// where no folder of the host can be named.
const Folder = "default/"

// File is one of the embedded files.
type File struct {
	Name    string // Folder and the file's own name
	Content []byte
}

//go:embed *.yaml
var embedded embed.FS

// Files returns the embedded files in the order in which they load.
var Files = sync.OnceValue(func() []File {
	entries, err := fs.ReadDir(embedded, ".") // sorted by name
	if err != nil {
		panic(err) // the files are part of the program
	}
	var files []File
	for _, e := range entries {
		content, err := embedded.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		files = append(files, File{Name: Folder + e.Name(), Content: content})
	}
	return files
})

// Content returns all embedded files as one text, which loads as they do.
func Content() []byte {
	var all [][]byte
	for _, f := range Files() {
		all = append(all, f.Content)
	}
	return bytes.Join(all, []byte("\n"))
}
