// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"regexp"
	"slices"
)

// The keys of each kind of item.
var (
	listKeys  = []string{"list", "items", "append", "override"}
	macroKeys = []string{"macro", "condition", "append", "override"}
	ruleKeys  = []string{"rule", "condition", "desc", "output", "priority", "source", "enabled", "tags",
		"exceptions", "warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration", "append", "override"}
	engineKeys  = []string{"required_engine_version"}
	pluginsKeys = []string{"required_plugin_versions"}
)

// What conditions can refer to.
var (
	listName  = regexp.MustCompile(`^[^()"'\s=,]+$`)
	macroName = regexp.MustCompile(`^[a-zA-Z]+[a-zA-Z0-9_]*$`)
)

const overrideWithAppend = "Keys 'override' and 'append: true' cannot be used together. " +
	"Add an 'append' entry (e.g. 'condition: append') under 'override' instead."

func (r *reader) list(item node, root *place) {
	name := r.text(item, "list", root.inside(item, inList, ""))
	at := root.inside(item, inList, name)
	if !listName.MatchString(name) {
		r.warn(WarnInvalidListName, at,
			"List has an invalid name. List names should match a regular expression: %s", `([^()"'[:space:]=,]+)`)
	}
	items, ok := r.texts(item, "items", at)
	if !ok {
		r.invalid(at, "Item has no mapping for key 'items'")
	}
	add := r.appends(item, "items", at)
	if r.err != nil {
		return
	}
	def := &listDef{name: name, items: items, at: at}
	if add {
		r.check(r.set.appendList(def))
	} else {
		r.set.defineList(def)
	}
	r.unknownKeys(item, listKeys, at)
}

func (r *reader) macro(item node, root *place) {
	name := r.text(item, "macro", root.inside(item, inMacro, ""))
	at := root.inside(item, inMacro, name)
	if !macroName.MatchString(name) {
		r.warn(WarnInvalidMacroName, at,
			"Macro has an invalid name. Macro names should match a regular expression: %s", `([a-zA-Z]+[a-zA-Z0-9_]*)`)
	}
	cond := r.text(item, "condition", at)
	add := r.appends(item, "condition", at)
	if r.err != nil {
		return
	}
	def := &macroDef{name: name, cond: cond, at: at,
		condAt: at.inside(item.get("condition"), inMacroCondition, "")}
	if add {
		r.check(r.set.appendMacro(def))
	} else {
		r.set.defineMacro(def)
	}
	r.unknownKeys(item, macroKeys, at)
}

// check takes over what the collector has against a definition.
func (r *reader) check(f *fault) {
	if r.err == nil && f != nil {
		r.err = f
	}
}

// appends reads whether a list or macro, of which only the value of key can
// change, extends an existing one; in the older way or by an override.
func (r *reader) appends(item node, key string, at *place) bool {
	add := r.optBool(item, "append", false, at)
	if add {
		r.deprecatedAppend(at)
	}
	ov := r.overrides(item, []string{key}, []string{key}, at)
	if add && ov.any() {
		r.invalid(at, overrideWithAppend)
	}
	return add || ov.append[key]
}

// overrides says what the keys of an item do to an existing definition.
type overrides struct {
	append, replace map[string]bool
}

func (o overrides) any() bool { return len(o.append) > 0 || len(o.replace) > 0 }

// overrides reads the override map of an item.
func (r *reader) overrides(item node, canAppend, canReplace []string, at *place) overrides {
	ov := overrides{append: map[string]bool{}, replace: map[string]bool{}}
	over := item.get("override")
	if over.isSequence() && len(over.items()) > 0 {
		// Not of the item but of the whole file, as the reference has it.
		r.fail(ErrValidate, at.outermost(), "invalid node; this may result from using a map iterator as a "+
			"sequence iterator, or vice-versa")
		if r.err.hint == "" {
			r.err.hint = "override must be a map of keys to append or replace"
		}
		return ov
	}
	in := at.inside(item, inOverrides, "")
	over.pairs(func(k, v node) {
		if !r.use(in) {
			return
		}
		if !v.isScalar() && !v.isNull() {
			r.fail(ErrValidate, at.outermost(), "yaml-cpp: error at line %d, column %d: bad conversion",
				v.position().Line+1, v.position().Column+1)
			return
		}
		key, op := k.scalar(), v.scalar()
		if v.isNull() {
			op = "null"
		}
		mayAppend, mayReplace := slices.Contains(canAppend, key), slices.Contains(canReplace, key)
		switch op {
		case "append":
			if !mayAppend {
				r.invalid(in.inside(k, inOverrides, key), "Key '%s' cannot be appended to, use 'replace' instead", key)
			}
			ov.append[key] = true
		case "replace":
			if !mayReplace {
				r.invalid(in.inside(k, inOverrides, key), "Key '%s' cannot be replaced", key)
			}
			ov.replace[key] = true
		default:
			allowed := ""
			if mayAppend {
				allowed += "append "
			}
			if mayReplace {
				allowed += "replace "
			}
			r.invalid(in.inside(v, inValueFor, key),
				"Invalid override operation for key '%s': '%s'. Allowed values are: %s", key, op, allowed)
		}
	})
	return ov
}

func (r *reader) engineVersion(item node, root *place) {
	at := root.inside(item, inEngineVersion, "")
	text := r.text(item, "required_engine_version", at)
	if r.err != nil {
		return
	}
	v, ok := parseEngineVersion(text)
	if !ok {
		r.invalid(at, "Unable to parse engine version '%s' as a semver string. Expected \"x.y.z\" semver format.", text)
		return
	}
	if !engineVersion.meets(v) {
		r.fail(ErrValidate, at, "Rules require engine version %s, but engine version is %s", v, engineVersion)
		return
	}
	r.set.requireEngine(v)
	r.unknownKeys(item, engineKeys, at)
}

func (r *reader) pluginVersions(item node, root *place) {
	list := item.get("required_plugin_versions")
	at := root.inside(list, inPlugins, "")
	if !list.isSequence() {
		r.invalid(at, "Value of required_plugin_versions must be a sequence")
		return
	}
	for _, entry := range list.items() {
		req := r.pluginEntry(entry, at)
		if r.err != nil {
			return
		}
		r.set.requirePlugin(req)
	}
	r.unknownKeys(item, pluginsKeys, root.inside(item, inPlugins, ""))
}

func (r *reader) pluginEntry(entry node, parent *place) PluginRequirement {
	var req PluginRequirement
	loose := parent.inside(entry, inPlugin, "")
	if !entry.isMap() {
		r.invalid(loose, "Plugin version must be a mapping")
		return req
	}
	req.Name = r.text(entry, "name", loose)
	at := parent.inside(entry, inPlugin, req.Name)
	req.Version = r.text(entry, "version", at)
	if alts := entry.get("alternatives"); alts.defined() {
		if !alts.isSequence() {
			r.invalid(at, "Value of plugin version alternatives must be a sequence")
			return req
		}
		for _, a := range alts.items() {
			if !r.use(at) {
				return req
			}
			var alt PluginAlternative
			loose := at.inside(a, inAlternative, "")
			if !a.isMap() {
				r.invalid(loose, "Plugin version alternative must be a mapping")
				return req
			}
			alt.Name = r.text(a, "name", loose)
			alt.Version = r.text(a, "version", at.inside(a, inAlternative, alt.Name))
			req.Alternatives = append(req.Alternatives, alt)
		}
	}
	seen := map[string]bool{}
	for _, c := range req.candidates() {
		if _, ok := parseVersion(c.Version); !ok {
			r.fail(ErrValidate, at, "Invalid required version '%s' for plugin '%s'", c.Version, c.Name)
		}
		if seen[c.Name] {
			r.fail(ErrValidate, at, "Defined multiple alternative version requirements for plugin '%s'", c.Name)
		}
		seen[c.Name] = true
	}
	return req
}
