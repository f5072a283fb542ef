// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
)

// fault ends the reading of a file.
type fault struct {
	code  Code
	msg   string
	at    *place
	hint  string
	field string
}

func (f *fault) Error() string { return f.msg }

// issue makes a report entry of it.
func (f *fault) issue() Issue {
	return Issue{Code: f.code, Message: f.msg, Context: f.at.context(), Field: f.field, Hint: f.hint}
}

// reader takes the values out of one rules file. It stops at the first error:
// from then on its methods return zero values, so that their callers need to
// ask only before they use what they got.
type reader struct {
	src  *source
	set  *collector
	opts *Options
	rep  *FileReport
	err  *fault
}

func (r *reader) fail(code Code, at *place, format string, args ...any) {
	if r.err == nil {
		r.err = &fault{code: code, msg: fmt.Sprintf(format, args...), at: at}
	}
}

// invalid reports a fault in the structure of the file.
func (r *reader) invalid(at *place, format string, args ...any) {
	r.fail(ErrYAMLValidate, at, format, args...)
}

// maxWarnings bounds what one file can fill a report with.
const maxWarnings = 10_000

// warn adds a warning; nil when the report has enough of them or reading has
// ended.
func (r *reader) warn(code Code, at *place, format string, args ...any) *Issue {
	if r.err != nil || len(r.rep.Warnings) >= maxWarnings {
		return nil
	}
	r.rep.Warnings = append(r.rep.Warnings, Issue{
		Code: code, Message: fmt.Sprintf(format, args...), Context: at.context(),
	})
	return &r.rep.Warnings[len(r.rep.Warnings)-1]
}

// use counts a node that is looked at; it fails when aliases multiply the
// file beyond all measure.
func (r *reader) use(at *place) bool {
	if r.src.nodes++; r.src.nodes > spareNodes+len(r.src.text) {
		r.invalid(at, "The file has too many values, aliases counted each time")
	}
	return r.err == nil
}

// read collects every item of the file.
func (r *reader) read() *fault {
	root := &place{
		Location: Location{Type: inContent, Position: Position{Name: r.src.name}},
		text:     r.src.text,
	}
	docs, err := r.src.documents()
	if err != nil {
		if se, ok := err.(*syntaxError); ok {
			root.Position = se.at
		}
		r.fail(ErrYAMLParse, root, "%v", err)
		return r.err
	}
	r.rep.Schema, r.rep.SchemaWarnings = checkSchema(docs)
	for _, doc := range docs {
		if r.err != nil {
			break
		}
		r.document(doc, root)
	}
	return r.err
}

func (r *reader) document(doc node, root *place) {
	switch {
	case !doc.defined() || doc.isNull():
		return
	case doc.isMap():
		r.invalid(root, "Rules content is not yaml array of objects")
		return
	case !doc.isSequence():
		r.invalid(root, "Rules content is not yaml")
		return
	}
	for _, item := range doc.items() {
		if item.isNull() {
			continue
		}
		r.item(item, root)
		if r.err != nil {
			return
		}
	}
}

// item reads one entry of the file. Its kind is decided by the first of these
// keys that it has.
func (r *reader) item(item node, root *place) {
	if !item.isMap() {
		r.invalid(root.inside(item, inContentItem, ""),
			"Unexpected element type. Each element should be a yaml associative array.")
		return
	}
	switch {
	case item.get("required_engine_version").defined():
		r.engineVersion(item, root)
	case item.get("required_plugin_versions").defined():
		r.pluginVersions(item, root)
	case item.get("list").defined():
		r.list(item, root)
	case item.get("macro").defined():
		r.macro(item, root)
	case item.get("rule").defined():
		r.rule(item, root)
	default:
		r.warn(WarnUnknownItem, root.inside(item, inContentItem, ""), "Unknown top level item")
	}
}

// text returns the scalar under key, which must be there.
func (r *reader) text(item node, key string, at *place) string {
	v := item.get(key)
	if !v.defined() {
		r.invalid(at, "Item has no mapping for key '%s'", key)
		return ""
	}
	return r.scalar(v, key, at)
}

// optText is text for a key that may be absent.
func (r *reader) optText(item node, key string, at *place) string {
	if v := item.get(key); v.defined() {
		return r.scalar(v, key, at)
	}
	return ""
}

func (r *reader) scalar(v node, key string, at *place) string {
	if !r.use(at) {
		return ""
	}
	if v.isNull() {
		r.invalid(at, "Mapping for key '%s' is empty", key)
		return ""
	}
	if !v.isScalar() {
		r.invalid(at.inside(v, inValueFor, key), "Value is not a scalar value")
		return ""
	}
	s := v.scalar()
	if s == "" {
		r.invalid(at.inside(v, inValueFor, key), "Value must be non-empty")
	}
	return s
}

// optBool returns the boolean under key, or fallback when it is absent.
func (r *reader) optBool(item node, key string, fallback bool, at *place) bool {
	s := r.optText(item, key, at)
	if s == "" {
		return fallback
	}
	b, ok := parseBool(s)
	if !ok {
		r.undecodable(item, key, at)
	}
	return b
}

// optUint32 returns the number under key, or 0 when it is absent.
func (r *reader) optUint32(item node, key string, at *place) uint32 {
	s := r.optText(item, key, at)
	if s == "" {
		return 0
	}
	n, ok := parseUint32(s)
	if !ok {
		r.undecodable(item, key, at)
	}
	return n
}

func (r *reader) undecodable(item node, key string, at *place) {
	r.invalid(at.inside(item.get(key), inValueFor, key), "Can't decode YAML scalar value")
}

// texts returns the scalars of the sequence under key. The second result says
// whether the key is there.
func (r *reader) texts(item node, key string, at *place) ([]string, bool) {
	v := item.get(key)
	if !v.defined() {
		return nil, false
	}
	in := at.inside(v, inValueFor, key)
	if !v.isSequence() {
		r.invalid(in, "Value is not a sequence")
		return nil, true
	}
	var out []string
	for _, e := range v.items() {
		if !r.use(in) {
			return nil, true
		}
		if !e.isScalar() {
			r.invalid(in.inside(e, inListItem, ""), "sequence value is not scalar")
			return nil, true
		}
		out = append(out, e.scalar())
	}
	return out, true
}

// unknownKeys warns of the keys of an item that mean nothing.
func (r *reader) unknownKeys(item node, known []string, at *place) {
	item.pairs(func(key, _ node) {
		name := key.key()
		if !slices.Contains(known, name) {
			w := r.warn(WarnUnknownKey, at, "Unknown key '%s'. The key will be ignored.", name)
			if hint := nearest(name, known); hint != "" && w != nil {
				w.Hint = didYouMean(hint)
			}
		}
	})
}

// deprecatedAppend warns of the older way to append.
func (r *reader) deprecatedAppend(at *place) {
	r.warn(WarnDeprecatedItem, at, "'append' key is deprecated. "+
		"Add an 'append' entry (e.g. 'condition: append') under 'override' instead.")
}
