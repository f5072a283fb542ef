// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"math/bits"

	"github.com/tiercel/tiercel/scap"
)

// Names of errors, signals and capabilities by number, so that nobody searches
// a table while an event waits.
var (
	errnoNames  = byValue(&scap.Errnos)
	signalNames = byValue(&scap.Signals)
	capNames    = byValue(&scap.Capabilities)
)

// byValue indexes the names of a small enumeration. The first of several names
// of a value counts.
func byValue(t *scap.FlagTable) []string {
	var names []string
	for _, v := range t.Values {
		if v.Value >= 4096 {
			continue // the tables end far below; only a mistake would be here
		}
		for int(v.Value) >= len(names) {
			names = append(names, "")
		}
		if names[v.Value] == "" {
			names[v.Value] = v.Name
		}
	}
	return names
}

func nameOf(names []string, n uint64) string {
	if n < uint64(len(names)) {
		return names[n]
	}
	return ""
}

// appendCaps appends the names of a set of capabilities, blanks between them.
func appendCaps(dst []byte, set uint64) []byte {
	from := len(dst)
	for ; set != 0; set &= set - 1 {
		name := nameOf(capNames, uint64(bits.TrailingZeros64(set)))
		if name == "" {
			continue
		}
		if len(dst) > from {
			dst = append(dst, ' ')
		}
		dst = append(dst, name...)
	}
	return dst
}
