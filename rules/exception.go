// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"

	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// Operators of exceptions.
var (
	listOperators   = []string{"in", "pmatch", "intersects"}
	stringOperators = []string{"=", "==", "!=", "glob", "iglob", "contains", "icontains", "bcontains",
		"startswith", "bstartswith", "endswith", "regex"}
	modifiers = []string{"oneof", "anyof", "allof"}
)

// modified reports whether op is a string operator with a modifier, e.g.
// "startswith anyof".
func modified(op string) bool {
	base, mod, ok := strings.Cut(op, " ")
	return ok && slices.Contains(stringOperators, base) && slices.Contains(modifiers, mod)
}

func takesList(op string) bool { return slices.Contains(listOperators, op) || modified(op) }

// checkException tests the shape of an exception and fills in its default
// operators. Fields are not checked for a source that is not loaded.
func (c *collector) checkException(ex *exception, unknownSource bool) *fault {
	invalid := func(msg string) *fault { return &fault{code: ErrValidate, msg: msg, at: ex.at} }
	var names []exEntry
	if ex.fields.list {
		names = ex.fields.items
		if !ex.comps.given() {
			ex.comps = exEntry{list: true}
			for range names {
				ex.comps.items = append(ex.comps.items, exEntry{text: "="})
			}
		}
		if len(ex.comps.items) != len(names) {
			return invalid("Fields and comps lists must have equal length")
		}
		for i := range ex.comps.items {
			op := strings.TrimSpace(ex.comps.items[i].text)
			ex.comps.items[i].text = op
			if !slices.Contains(filter.Operators(), op) && !modified(op) {
				return invalid("'" + op + "' is not a supported comparison operator")
			}
		}
	} else {
		names = []exEntry{ex.fields}
		if !ex.comps.given() {
			ex.comps = exEntry{text: "in"}
		}
		if ex.comps.list {
			return invalid("Fields and comps must both be strings")
		}
		ex.comps.text = strings.TrimSpace(ex.comps.text)
		if !takesList(ex.comps.text) {
			return invalid("When fields is a single value, comps must be one of (in, pmatch, intersects) " +
				"or a modifier operator (e.g. startswith oneof)")
		}
	}
	if unknownSource {
		return nil
	}
	for _, e := range names {
		if err := c.checkField(e.text); err != nil {
			f := invalid("'" + e.text + "' is not a supported filter field")
			f.hint = fieldHint(c.catalog, err)
			return f
		}
	}
	return nil
}

// checkField tests whether text is something that can stand on the left of an
// operator.
func (c *collector) checkField(text string) error {
	n, err := filter.Parse(text + " exists")
	if err != nil {
		return err
	}
	u, ok := n.(*filter.Unary)
	if !ok {
		return &filter.Error{Msg: "not a field"}
	}
	filter.Inspect(u.Left, func(n filter.Node) bool {
		if f, ok := n.(*filter.Field); ok && err == nil {
			_, err = fields.Resolve(c.catalog, f.Name, f.Arg, f.HasArg)
		}
		return err == nil
	})
	return err
}

// condition returns what the exception excludes, as a condition in brackets;
// "" when it has no values.
func (ex *exception) condition() (string, *fault) {
	if len(ex.values) == 0 {
		return "", nil
	}
	if ex.fields.list {
		return ex.tuples()
	}
	// Exceptions that replaced others were not checked and have no default
	// operator: without one, this does not parse.
	var b strings.Builder
	b.WriteString("(" + ex.fields.text + " " + ex.comps.text + " (")
	for i, v := range ex.values {
		if v.list {
			return "", &fault{code: ErrValidate, at: ex.at,
				msg: "Expected values array to contain a list of strings"}
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoted(v.text))
	}
	b.WriteString("))")
	return b.String(), nil
}

// tuples is the condition of an exception over several fields: each tuple of
// values is a conjunction, any of them is enough.
func (ex *exception) tuples() (string, *fault) {
	var b strings.Builder
	for i, v := range ex.values {
		if len(v.items) != len(ex.fields.items) {
			return "", &fault{code: ErrValidate, at: ex.at, msg: "Fields and values lists must have equal length"}
		}
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteByte('(')
		for k, f := range ex.fields.items {
			if k > 0 {
				b.WriteString(" and ")
			}
			b.WriteByte(' ') // the reference's text, so that positions in it agree
			op := "="
			if k < len(ex.comps.items) {
				op = ex.comps.items[k].text
			}
			b.WriteString(f.text + " " + op + " " + member(v.items[k], op))
		}
		b.WriteByte(')')
	}
	return "(" + b.String() + ")", nil
}

// member is one value of a tuple as a right side.
func member(v exEntry, op string) string {
	if v.list {
		texts := make([]string, len(v.items))
		for i, e := range v.items {
			texts[i] = quoted(e.text)
		}
		return "(" + strings.Join(texts, ", ") + ")"
	}
	if takesList(op) {
		if strings.HasPrefix(v.text, "(") {
			return v.text
		}
		return "(" + v.text + ")"
	}
	return quoted(v.text)
}
