// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"maps"
	"slices"
	"sync"
)

// Class is a group of fields, in the order in which they are listed.
type Class struct {
	Name      string // evt, process, fd ...
	ShortDesc string
	Doc       string
	Fields    []*Field
}

// Table is the catalog of all fields.
type Table struct {
	classes []Class
	byName  map[string]*Field
}

// Default returns the table of all fields of the syscall source. It is made
// once and shared; nobody may change it.
var Default = sync.OnceValue(func() *Table { return NewTable(builtin()) })

// NewTable makes a catalog of classes. Each field takes the name of its class.
// A name must not occur twice: the table would be wrong, so that panics.
func NewTable(classes []Class) *Table {
	t := &Table{classes: classes, byName: make(map[string]*Field)}
	for i := range t.classes {
		for _, f := range t.classes[i].Fields {
			if f.Class != t.classes[i].Name { // tables share their fields
				f.Class = t.classes[i].Name
			}
			if t.byName[f.Name] != nil {
				panic("fields: " + f.Name + " is defined twice")
			}
			t.byName[f.Name] = f
		}
	}
	return t
}

// WithStatic returns a table that has, besides all fields of t, one field of
// text for each of the given constants: static.NAME.
func (t *Table) WithStatic(constants map[string]string) *Table {
	if len(constants) == 0 {
		return t
	}
	c := Class{
		Name:      "static",
		ShortDesc: "constants of the configuration",
		Doc:       "Texts that the agent's configuration gives a name to.",
	}
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		c.Fields = append(c.Fields, text("static."+name, constText(constants[name]), "Constant of the configuration."))
	}
	return NewTable(append(slices.Clone(t.classes), c))
}

// Lookup implements Catalog.
func (t *Table) Lookup(name string) *Field { return t.byName[name] }

// Classes returns the groups of fields, hidden and deprecated fields included,
// in the order of listing. Nobody may change it.
func (t *Table) Classes() []Class { return t.classes }

// Suggest returns the name of the field that was probably meant by a misspelt
// one, or "" when none is close.
func (t *Table) Suggest(name string) string {
	best, bestDist := "", max(2, len(name)/4)
	for _, c := range t.classes {
		for _, f := range c.Fields {
			if f.Hidden || f.Deprecated {
				continue
			}
			if d := distance(name, f.Name, bestDist); d < bestDist || (d == bestDist && best == "") {
				best, bestDist = f.Name, d
			}
		}
	}
	return best
}

// distance is the least number of single-byte changes (insert, delete,
// replace) that make b of a; anything above limit may come back as limit+1.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, diag+1, row[j]+1)
		}
		if slices.Min(row) > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
