// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// containerJSON makes the JSON text that newer captures have of a container
// from the parameters of the old event: id, type, name, image.
func (c *converter) containerJSON() []byte {
	b := append(c.json[:0], `{"container":{"id":`...)
	b = appendQuoted(b, c.params[0])
	b = append(b, `,"type":`...)
	var kind uint64
	if p := c.params[1]; len(p) >= 4 {
		kind = uint64(binary.LittleEndian.Uint32(p))
	}
	b = strconv.AppendUint(b, kind, 10)
	b = append(b, `,"name":`...)
	b = appendQuoted(b, c.params[2])
	b = append(b, `,"image":`...)
	b = appendQuoted(b, c.params[3])
	b = append(b, "}}\x00"...)
	c.json = b
	return b
}

// appendQuoted appends a text parameter as a JSON string. Bytes that are no
// UTF-8 become replacement characters.
func appendQuoted(b, text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] == 0 {
		text = text[:n-1]
	}
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
		text = text[n:]
	}
	return append(b, '"')
}
