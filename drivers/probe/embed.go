// SPDX-License-Identifier: Apache-2.0

// Package probe carries the C that all three drivers share: the portable
// vocabulary, every filler written in it, and the generated tables. The
// drivers that are built on the machine they run on take the sources from here.
package probe

import "embed"

// Sources are the headers, with generated ones under gen/.
//
//go:embed *.h gen/*.h
var Sources embed.FS
