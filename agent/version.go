// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tiercel/tiercel/rules"
)

// Version is the release, set by the linker.
var Version = "0.0.0-dev"

// What this release is compatible with: the agent whose rules, configuration
// and command line it takes, and the interface of its drivers and captures.
const (
	compatAgent   = "0.44.1"
	pluginAPI     = "0.0.0" // no plugin can be loaded yet
	driverAPI     = "10.1.0"
	SchemaVersion = "4.5.1"
)

func writeVersion(w io.Writer) {
	fmt.Fprintf(w, "Tiercel version: %s\nLibs version:  %s\nPlugin API:    %s\nEngine:        %s\nDriver:\n"+
		"  API version:    %s\n  Schema version: %s\n  Default driver: %s\n",
		Version, Version, pluginAPI, rules.EngineVersion(), driverAPI, SchemaVersion, Version)
}

// versionJSON is the answer of --version with JSON on, one line. The keys with
// falco in their name say which release's behaviour is followed.
func versionJSON() []byte {
	engine := rules.EngineVersion()
	minor := strings.SplitN(engine, ".", 3)[1]
	out, err := json.Marshal(map[string]string{
		"tiercel_version": Version, "falco_version": compatAgent, "libs_version": Version,
		"plugin_api_version": pluginAPI, "driver_api_version": driverAPI, "driver_schema_version": SchemaVersion,
		"default_driver_version": Version, "engine_version": minor, "engine_version_semver": engine,
	})
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return out
}
