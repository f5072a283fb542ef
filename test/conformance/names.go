// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// ours maps what cases say of the reference to what Tiercel says: its name,
// its paths, its version line. This is the only place that knows.
var ours = strings.NewReplacer(
	"Falco version:", "Tiercel version:",
	"falco [OPTION...]", "tiercel [OPTION...]",
	`"FalcoConfig"`, `"TiercelConfig"`,
	`"FalcoRule"`, `"TiercelRule"`,
)
