// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// version is the x.y.z part of a semantic version.
type version struct{ major, minor, patch uint32 }

// engineVersion is the version of the rules language that we speak.
var engineVersion = version{0, 62, 0}

// EngineVersion returns the version of the rules language that we speak, in
// the numbering of the reference.
func EngineVersion() string { return engineVersion.String() }

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

func (v version) less(w version) bool {
	if v.major != w.major {
		return v.major < w.major
	}
	if v.minor != w.minor {
		return v.minor < w.minor
	}
	return v.patch < w.patch
}

// meets reports whether v can stand in for the required version.
func (v version) meets(required version) bool {
	return v.major == required.major && !v.less(required)
}

// parseVersion reads the three numbers at the beginning of s; what follows
// them, such as -rc1, does not count.
func parseVersion(s string) (version, bool) {
	var n [3]uint32
	for i := range n {
		if i > 0 {
			rest, ok := strings.CutPrefix(s, ".")
			if !ok {
				return version{}, false
			}
			s = rest
		}
		s = strings.TrimLeft(s, " \t\n\v\f\r")
		end := 0
		for end < len(s) && '0' <= s[end] && s[end] <= '9' {
			end++
		}
		v, err := strconv.ParseUint(s[:end], 10, 32)
		if err != nil {
			return version{}, false
		}
		n[i], s = uint32(v), s[end:]
	}
	return version{n[0], n[1], n[2]}, true
}

// parseEngineVersion also accepts the older plain number N for 0.N.0.
func parseEngineVersion(s string) (version, bool) {
	if n, ok := parseUint32(s); ok {
		return version{0, n, 0}, true
	}
	return parseVersion(s)
}

// Plugin is a plugin that is loaded, or something of ours that does its work.
type Plugin struct {
	Name    string
	Version string
}

// BuiltinPlugins returns what we have built in that the reference keeps in
// plugins, so that rules which require them load.
func BuiltinPlugins() []Plugin { return []Plugin{{"container", "0.7.0"}} }

// PluginAlternative is a plugin that may stand in for another.
type PluginAlternative struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// PluginRequirement is an entry of required_plugin_versions: the plugin or
// one of its alternatives must be loaded in a compatible version.
type PluginRequirement struct {
	Alternatives []PluginAlternative `json:"alternatives"`
	Name         string              `json:"name"`
	Version      string              `json:"version"`
}

func (p PluginRequirement) candidates() []PluginAlternative {
	return append([]PluginAlternative{{p.Name, p.Version}}, p.Alternatives...)
}

// unmet says why none of the loaded plugins meets the requirement; "" when
// one does. The first candidate that is loaded decides.
func (p PluginRequirement) unmet(loaded []Plugin) string {
	var names []string
	for _, c := range p.candidates() {
		for _, l := range loaded {
			if l.Name != c.Name {
				continue
			}
			have, okHave := parseVersion(l.Version)
			want, okWant := parseVersion(c.Version)
			if okHave && okWant && have.meets(want) {
				return ""
			}
			return fmt.Sprintf("Plugin '%s' version '%s' is not compatible with required plugin version '%s'",
				l.Name, l.Version, c.Version)
		}
		names = append(names, fmt.Sprintf("%s (>= %s)", c.Name, c.Version))
	}
	return "Plugin requirement not satisfied, must load one of: " + strings.Join(names, ", ")
}
