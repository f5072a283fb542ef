// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tiercel/tiercel/agent/textfile"
)

// maxSecret bounds files of tokens and headers.
const maxSecret = 64 << 10

// readToken reads a bearer token. Errors never show it.
func readToken(path string) (string, error) {
	text, err := textfile.Read(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("bearer token: %w (http_output.bearer_token_file)", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || !printable(token) || strings.ContainsRune(token, ' ') {
		return "", fmt.Errorf("bearer token: %s holds no token, or more than one (http_output.bearer_token_file)", path)
	}
	return token, nil
}

// readHeaders adds the headers of a file to h. Empty lines and those that begin
// with # are passed over. Errors never show a value.
func readHeaders(h http.Header, path string) error {
	text, err := textfile.Read(path, maxSecret)
	if err != nil {
		return fmt.Errorf("headers: %w (http_output.headers_file)", err)
	}
	return parseHeaders(h, path, string(text))
}

func parseHeaders(h http.Header, path, text string) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		err := error(nil)
		switch {
		case !ok:
			err = errors.New("a line must have the form Name: value")
		case !isToken(name):
			err = errors.New("the name of a header has letters, digits and hyphens")
		case !printable(value):
			err = errors.New("the value of a header is printable ASCII")
		case reserved[http.CanonicalHeaderKey(name)]:
			err = fmt.Errorf("the header %s is not to be set", http.CanonicalHeaderKey(name))
		}
		if err != nil {
			return fmt.Errorf("headers: %s:%d: %w (http_output.headers_file)", path, i+1, err)
		}
		h.Add(name, value)
	}
	return nil
}

// reserved are the headers that the transport or other keys decide on.
var reserved = map[string]bool{
	"Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Host": true, "Trailer": true,
	"Content-Type": true, "Content-Encoding": true, "Upgrade": true,
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
