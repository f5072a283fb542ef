// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"strings"
)

// unescape turns a quoted text, quotes included, into its value. msg is not
// empty when an escape is none.
func unescape(raw string) (value, msg string) {
	quote, s := raw[0], raw[1:len(raw)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s, ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++ // never the last byte: the closing quote follows no backslash
		switch c := s[i]; c {
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '\\', '/':
			b.WriteByte(c)
		case ' ': // accepted for the sake of old rules; the blank is lost
			b.WriteByte('\\')
		case 'x':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", `escape \x needs two hexadecimal digits`
			}
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		default:
			if c != quote {
				return "", fmt.Sprintf(`unsupported string escape sequence: \%c`, c)
			}
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// wantsQuotes reports whether the reference prints the value with quotes.
func wantsQuotes(s string) bool { return strings.ContainsAny(s, " =\\\"'\b\f\n\r\t\x00") }

// quote is the reference's quoting: it does not care for a backslash at the
// end, which cannot be written with the escape.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\\', '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quoteSafe is quote for any text: `\x5c` stands for a backslash at the end,
// `\x00` for a NUL byte, which a quoted text cannot hold.
func quoteSafe(s string) string {
	head, backslash := strings.CutSuffix(s, `\`)
	q := strings.ReplaceAll(quote(head), "\x00", `\x00`)
	if backslash {
		q = q[:len(q)-1] + `\x5c"`
	}
	return q
}
