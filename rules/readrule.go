// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"maps"
	"slices"
	"strings"
)

// The keys of a rule that an item with overrides can change, in the order in
// which they are read.
var (
	ruleAppendKeys  = []string{"condition", "exceptions", "output", "desc", "tags"}
	ruleReplaceKeys = []string{"condition", "exceptions", "output", "desc", "tags", "priority",
		"capture", "capture_duration", "enabled", "warn_evttypes", "skip-if-unknown-filter"}
)

func (r *reader) rule(item node, root *place) {
	name := r.text(item, "rule", root.inside(item, inRule, ""))
	at := root.inside(item, inRule, name)
	source := r.looseSource(item, at)
	add := r.optBool(item, "append", false, at)
	if add {
		r.deprecatedAppend(at)
	}
	ov := r.overrides(item, ruleAppendKeys, ruleReplaceKeys, at)
	if r.err != nil {
		return
	}
	switch {
	case ov.any() && add:
		r.invalid(at, overrideWithAppend)
	case ov.any():
		r.overrideRule(item, name, source, ov, at)
	case add:
		r.appendRule(item, name, source, at)
	case !item.get("condition").defined() && !item.get("output").defined() &&
		!item.get("desc").defined() && !item.get("priority").defined():
		r.switchRule(item, name, at)
	default:
		r.defineRule(item, name, at)
	}
	r.unknownKeys(item, ruleKeys, at)
}

// defineRule reads a full definition.
func (r *reader) defineRule(item node, name string, at *place) {
	def := &ruleDef{name: name, at: at, source: SourceSyscall}
	def.cond = r.text(item, "condition", at)
	def.output = strings.TrimSpace(r.text(item, "output", at))
	def.desc = r.text(item, "desc", at)
	def.priority = r.priority(item, at)
	if item.get("source").defined() {
		def.source = r.text(item, "source", at)
	}
	def.enabled = r.optBool(item, "enabled", true, at)
	def.warnTypes = r.optBool(item, "warn_evttypes", true, at)
	def.skipUnknown = r.optBool(item, "skip-if-unknown-filter", false, at)
	def.capture = r.optBool(item, "capture", false, at)
	def.captureMS = r.optUint32(item, "capture_duration", at)
	tags, _ := r.texts(item, "tags", at)
	def.addTags(tags)
	def.exceptions = r.exceptions(item, at, false)
	if r.err != nil {
		return
	}
	def.condAt = at.inside(item.get("condition"), inRuleCondition, "")
	def.outAt = at.inside(item.get("output"), inRuleOutput, "")
	r.check(r.set.defineRule(r, def))
}

func (r *reader) priority(item node, at *place) Priority {
	text := r.text(item, "priority", at)
	if r.err != nil {
		return 0
	}
	p, ok := ParsePriority(text)
	if !ok {
		r.invalid(at.inside(item.get("priority"), inRulePriority, ""), "Invalid priority")
		r.err.hint = "one of EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG"
	}
	return p
}

// switchRule reads an item that only turns an existing rule on or off.
func (r *reader) switchRule(item node, name string, at *place) {
	r.text(item, "enabled", at)
	on := r.optBool(item, "enabled", true, at)
	if r.err != nil {
		return
	}
	r.warn(WarnDeprecatedItem, at, "The standalone 'enabled' key usage is deprecated. The correct approach "+
		"requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').")
	r.check(r.set.enableRule(name, on, at))
}

// appendRule reads an item with "append: true": only its condition and its
// exceptions count.
func (r *reader) appendRule(item node, name, source string, at *place) {
	up := &ruleUpdate{name: name, source: source, at: at}
	if item.get("condition").defined() {
		up.cond = r.ptr(item, "condition", at)
	}
	up.hasExceptions = item.get("exceptions").defined()
	up.exceptions = r.exceptions(item, at, true)
	if r.err != nil {
		return
	}
	if up.cond == nil && !up.hasExceptions {
		if r.set.rule(name) != nil {
			r.fail(ErrValidate, at, "Appended rule must have exceptions or condition property")
			return
		}
	}
	r.check(r.set.appendRule(r, up))
}

// looseSource reads a source that may be there without a value.
func (r *reader) looseSource(item node, at *place) string {
	v := item.get("source")
	if !v.defined() || v.isNull() || v.isScalar() && v.scalar() == "" {
		return ""
	}
	return r.text(item, "source", at)
}

func (r *reader) ptr(item node, key string, at *place) *string {
	s := r.text(item, key, at)
	return &s
}

// overrideRule reads an item with overrides: first all that is appended, then
// all that is replaced.
func (r *reader) overrideRule(item node, name, source string, ov overrides, at *place) {
	left := map[string]bool{} // keys with a value that no override has taken
	for _, key := range ruleReplaceKeys {
		if item.get(key).defined() {
			left[key] = true
		}
	}
	if len(ov.append) > 0 {
		up := r.update(item, name, source, ov.append, left, "append", at)
		if r.err == nil {
			r.check(r.set.appendRule(r, up))
		}
	}
	if len(ov.replace) > 0 && r.err == nil {
		up := r.update(item, name, source, ov.replace, left, "replace", at)
		if r.err == nil {
			r.check(r.set.replaceRule(up))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		r.invalid(at.inside(item.get(key), inOverrides, key),
			"Unexpected key '%s': no corresponding entry under 'override' is defined.", key)
	}
}

// update reads the values of the keys that are overridden in one way and
// takes them out of those that are left.
func (r *reader) update(item node, name, source string, keys, left map[string]bool, how string, at *place) *ruleUpdate {
	up := &ruleUpdate{name: name, at: at}
	for _, key := range ruleReplaceKeys {
		if !keys[key] || r.err != nil {
			continue
		}
		v := item.get(key)
		if !left[key] {
			r.invalid(at, "An %s override for '%s' was specified but '%s' is not defined", how, key, key)
			return up
		}
		delete(left, key)
		switch key {
		case "condition":
			up.cond = r.ptr(item, key, at)
			up.condAt = at.inside(v, inRuleCondition, "")
			up.source = source
		case "output":
			up.output = r.ptr(item, key, at)
			up.outAt = at.inside(v, inRuleOutput, "")
		case "desc":
			up.desc = r.ptr(item, key, at)
		case "tags":
			up.tags, up.hasTags = r.texts(item, key, at)
		case "exceptions":
			up.hasExceptions = true
			up.exceptions = r.exceptions(item, at, how == "append")
		case "priority":
			p := r.priority(item, at)
			up.priority = &p
		case "enabled":
			up.enabled = r.boolPtr(item, key, at)
		case "warn_evttypes":
			up.warnTypes = r.boolPtr(item, key, at)
		case "skip-if-unknown-filter":
			up.skipUnknown = r.boolPtr(item, key, at)
		case "capture":
			up.capture = r.boolPtr(item, key, at)
		case "capture_duration":
			n := r.optUint32(item, key, at)
			up.captureMS = &n
		}
	}
	return up
}

func (r *reader) boolPtr(item node, key string, at *place) *bool {
	b := r.optBool(item, key, false, at)
	return &b
}

// exceptions reads the exceptions of a rule. When they are appended to those
// of an existing rule they need not say what their fields are.
func (r *reader) exceptions(item node, at *place, appending bool) []exception {
	list := item.get("exceptions")
	if !list.defined() || list.isNull() {
		return nil
	}
	in := at.inside(list, inExceptions, "")
	if !list.isSequence() {
		r.invalid(in, "Rule exceptions must be a sequence")
		return nil
	}
	var out []exception
	seen := map[string]int{}
	for _, e := range list.items() {
		loose := in.inside(e, inException, "")
		if !e.isMap() {
			r.invalid(loose, "Rule exception must be a mapping")
			return nil
		}
		ex := exception{name: r.text(e, "name", loose)}
		ex.at = at.inside(e, inException, ex.name)
		for range min(seen[ex.name], maxWarnings) { // each earlier one is told of
			r.warn(WarnExceptionNameNotUnique, ex.at,
				"Multiple definitions of exception '%s' in the same rule", ex.name)
		}
		seen[ex.name]++
		ex.fields = r.exEntry(e, "fields", ex.at, appending)
		ex.comps = r.exEntry(e, "comps", ex.at, true)
		r.exValues(e, &ex, appending)
		if r.err != nil {
			return nil
		}
		out = append(out, ex)
	}
	return out
}

func (r *reader) exValues(e node, ex *exception, appending bool) {
	values := e.get("values")
	if !values.defined() {
		if appending {
			r.warn(WarnAppendNoValues, ex.at, "Overriding/appending exception with no values")
		}
		return
	}
	in := ex.at.inside(values, inExceptionValues, "")
	if !values.isSequence() {
		r.invalid(in, "Rule exception values must be a sequence")
		return
	}
	for _, v := range values.items() {
		ex.values = append(ex.values, r.exValue(v, in.inside(v, inExceptionValue, ""), 0))
		if r.err != nil {
			return
		}
	}
}

// exEntry reads the value of a key that is a text or a list of texts.
func (r *reader) exEntry(e node, key string, at *place, optional bool) exEntry {
	v := e.get(key)
	if !v.defined() {
		if !optional {
			r.invalid(at, "Item has no mapping for key '%s'", key)
		}
		return exEntry{}
	}
	return r.exText(v, at.inside(v, inValueFor, key), 0)
}

// exValue reads one of the values of an exception.
func (r *reader) exValue(v node, at *place, depth int) exEntry {
	return r.exText(v, at.inside(v, inValueFor, ""), depth)
}

// exText reads a text or a list of such. Anything else counts as an empty
// text, which is as good as none.
func (r *reader) exText(v node, at *place, depth int) exEntry {
	if !r.use(at) {
		return exEntry{}
	}
	switch {
	case depth > maxDepth:
		r.invalid(at, "Value is nested too deeply")
	case v.isScalar():
		if v.scalar() == "" {
			r.invalid(at, "Value must be non-empty")
		}
		return exEntry{text: v.scalar()}
	case v.isSequence():
		out := exEntry{list: true}
		for _, i := range v.items() {
			out.items = append(out.items, r.exValue(i, at.inside(i, inException, ""), depth+1))
			if r.err != nil {
				return exEntry{}
			}
		}
		return out
	}
	return exEntry{}
}
