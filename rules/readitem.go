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
	ov := r.overrides(item, []string{"items"}, []string{"items"}, at)
	add := r.appendFlag(item, ov, at)
	items, ok := r.texts(item, "items", at)
	if !ok {
		r.invalid(at, "Item has no mapping for key 'items'")
	}
	if r.err != nil {
		return
	}
	if !listName.MatchString(name) {
		r.warn(WarnInvalidListName, at,
			"List has an invalid name. List names must match a regular expression: %s", `[^()"'[:space:]=,]+`)
	}
	r.unknownKeys(item, listKeys, at)
	def := &listDef{name: name, items: items, at: at}
	if add || ov.append["items"] {
		r.check(r.set.appendList(def))
	} else {
		r.set.defineList(def)
	}
}

func (r *reader) macro(item node, root *place) {
	name := r.text(item, "macro", root.inside(item, inMacro, ""))
	at := root.inside(item, inMacro, name)
	ov := r.overrides(item, []string{"condition"}, []string{"condition"}, at)
	add := r.appendFlag(item, ov, at)
	cond := r.text(item, "condition", at)
	if r.err != nil {
		return
	}
	if !macroName.MatchString(name) {
		r.warn(WarnInvalidMacroName, at,
			"Macro has an invalid name. Macro names must match a regular expression: %s", `[a-zA-Z]+[a-zA-Z0-9_]*`)
	}
	r.unknownKeys(item, macroKeys, at)
	def := &macroDef{name: name, cond: cond, at: at,
		condAt: at.inside(item.get("condition"), inMacroCondition, "")}
	if add || ov.append["condition"] {
		r.check(r.set.appendMacro(def))
	} else {
		r.set.defineMacro(def)
	}
}

// check takes over what the collector has against a definition.
func (r *reader) check(f *fault) {
	if r.err == nil && f != nil {
		r.err = f
	}
}

// appendFlag reads the older way to say that an item extends another.
func (r *reader) appendFlag(item node, ov overrides, at *place) bool {
	add := r.optBool(item, "append", false, at)
	if add {
		r.deprecatedAppend(at)
	}
	if add && ov.any() {
		r.invalid(at, overrideWithAppend)
	}
	return add
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
	if !over.isMap() {
		return ov
	}
	in := at.inside(over, inOverrides, "")
	over.pairs(func(k, v node) {
		if !r.use(in) {
			return
		}
		key, op := k.scalar(), v.scalar()
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
	r.unknownKeys(item, engineKeys, at)
	if !engineVersion.meets(v) {
		r.fail(ErrValidate, at, "Rules require engine version %s, but engine version is %s", v, engineVersion)
		return
	}
	r.set.requireEngine(v)
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
	r.unknownKeys(item, pluginsKeys, at)
}

func (r *reader) pluginEntry(entry node, parent *place) PluginRequirement {
	var req PluginRequirement
	req.Name = r.text(entry, "name", parent.inside(entry, inPlugin, ""))
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
			alt.Name = r.text(a, "name", at.inside(a, inAlternative, ""))
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
