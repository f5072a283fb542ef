// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// File is a rules file: its name as reports print it, and its content.
type File struct {
	Name    string
	Content []byte
}

// Options are what a load depends on beside the files. The zero value is
// good.
type Options struct {
	Catalog     fields.Catalog // nil: the built-in fields
	Sources     []string       // loaded event sources; nil: syscall alone
	Plugins     []Plugin       // loaded plugins; nil: BuiltinPlugins
	MinPriority *Priority      // rules less severe stay disabled; nil: none
	// AppendOutput is added to the rules' outputs, in this order.
	AppendOutput []AppendOutput
	// Validate judges every file, also after a bad one, and loads them although a
	// required plugin is missing. The set is nil all the same when one is bad.
	Validate bool
}

// AppendOutput adds text and fields to the output of the rules that it
// matches. Empty members match every rule; all tags must be there.
type AppendOutput struct {
	Source string
	Rule   string // exact name
	Tags   []string
	Output string // appended after a blank
	Fields []ExtraField
}

// ExtraField is a further member of an alert's output fields: the value of a
// field under its name, or a formatted text under a key.
type ExtraField struct {
	Key    string
	Format string // "" for the typed value of the field Key
}

func (a *AppendOutput) matches(d *ruleDef) bool {
	if a.Source != "" && a.Source != d.source || a.Rule != "" && a.Rule != d.name {
		return false
	}
	for _, t := range a.Tags {
		if !slices.Contains(d.tags, t) {
			return false
		}
	}
	return true
}

// Load reads rules files in order. The set is nil when anything is wrong with
// any of them, or a required plugin is missing; the report says what.
//
// After each file, all that was collected so far is compiled again: a file
// can build on earlier ones only, and is told what is wrong with the whole.
func Load(files []File, opts Options) (*Ruleset, *Report) {
	if opts.Catalog == nil {
		opts.Catalog = fields.Default()
	}
	if opts.Sources == nil {
		opts.Sources = []string{SourceSyscall}
	}
	if opts.Plugins == nil {
		opts.Plugins = BuiltinPlugins()
	}
	set := newCollector(opts.Sources, opts.Catalog)
	comp := newCompiler(set, &opts)
	rep := &Report{}
	var out *Ruleset
	for _, f := range files {
		rep.Files = append(rep.Files, FileReport{Name: f.Name})
		fr := &rep.Files[len(rep.Files)-1]
		r := reader{src: newSource(f), set: set, opts: &opts, rep: fr}
		bad := r.read()
		if bad == nil {
			out, bad = comp.compile(fr)
		}
		if bad != nil {
			fr.Errors = append(fr.Errors, bad.issue())
			if !opts.Validate {
				break
			}
		}
	}
	if rep.Unmet = unmet(set.plugins, opts.Plugins); !opts.Validate {
		rep.PluginError = rep.Unmet
	}
	if !rep.OK() {
		return nil, rep
	}
	if out == nil { // no file at all
		out = &Ruleset{}
	}
	return out, rep
}
