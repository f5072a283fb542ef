// SPDX-License-Identifier: Apache-2.0

// Package defaultrules embeds the ruleset that the agent uses when the
// configuration names no rules file, so that a first run needs no file at all.
package defaultrules

import _ "embed"

// FileName is what reports and logs call the embedded ruleset.
const FileName = "tiercel_rules.yaml"

//go:embed tiercel_rules.yaml
var content []byte

// Content returns the text of the embedded ruleset.
func Content() []byte { return content }
