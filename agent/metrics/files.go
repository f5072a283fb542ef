// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"time"

	"github.com/tiercel/tiercel/agent/textfile"
	"github.com/tiercel/tiercel/rules"
)

// FileSum is a file and what is in it.
type FileSum struct {
	Name   string // without folder
	SHA256 string // hexadecimal
}

// SumFile returns the sum of a file whose content is at hand.
func SumFile(path string, content []byte) FileSum {
	sum := sha256.Sum256(content)
	return FileSum{filepath.Base(path), hex.EncodeToString(sum[:])}
}

// SumFiles reads files and returns their sums. Those that cannot be read are
// left out.
func SumFiles(paths ...string) []FileSum {
	var out []FileSum
	for _, p := range paths {
		if content, err := textfile.Read(p, rules.MaxFileSize); err == nil {
			out = append(out, SumFile(p, content))
		}
	}
	return out
}

func nanos(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixNano(), 0))
}
