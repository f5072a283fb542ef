// SPDX-License-Identifier: Apache-2.0

package metrics

// Name makes a metric's name of a rule's or a file's: what is no letter, digit,
// underscore or colon becomes an underscore, underscores in a row become one,
// and one at the end goes.
func Name(text string) string {
	b := make([]byte, 0, len(text))
	for i := range len(text) {
		c := text[i]
		if !nameByte(c) {
			c = '_'
		}
		if c == '_' && len(b) > 0 && b[len(b)-1] == '_' {
			continue
		}
		b = append(b, c)
	}
	if n := len(b); n > 0 && b[n-1] == '_' {
		b = b[:n-1]
	}
	return string(b)
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == ':'
}
