// SPDX-License-Identifier: Apache-2.0

package output

import "strings"

// KeyFormat returns the output format whose text is the key of alerts
// (Alert.Key) that are duplicates when these fields are equal. Without fields
// it is empty: then the whole message decides.
func KeyFormat(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	// A separator that names and addresses do not hold.
	return "%" + strings.Join(fields, "\x1f%")
}
