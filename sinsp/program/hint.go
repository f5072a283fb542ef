// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/filter"
)

// What the author of a condition probably meant by something that makes no
// sense.

// operatorHint says which operators fit the value.
func operatorHint(v *value, left filter.Node) string {
	if v.list && !slices.Contains(listTypes, v.typ) {
		return fmt.Sprintf("%s takes exists alone", left)
	}
	if v.list {
		return fmt.Sprintf("%s is a list: it takes exists, in and intersects", left)
	}
	known, ok := operators[v.class()]
	if !ok {
		return fmt.Sprintf("%s takes exists alone", left)
	}
	return fmt.Sprintf("%s takes exists, %s", left, strings.Join(known.ops, ", "))
}

// literalHint says how a value that could not be read is written.
func literalHint(v *value, op string, left filter.Node, text string) string {
	switch v.class() {
	case classSigned, classUnsigned, classDouble:
		return numberHint(v, left, text)
	case classBool:
		return "write true or false"
	case classAddr:
		if _, err := netip.ParsePrefix(text); err == nil {
			return "networks are compared by fd.net, fd.cnet, fd.snet, fd.lnet and fd.rnet"
		}
	case classNet:
		if a, err := netip.ParseAddr(text); err == nil {
			return fmt.Sprintf("write %s/%d for one address", text, a.BitLen())
		}
		if text == "::/0" {
			return "for all IPv6 addresses write in (::/1, 8000::/1)"
		}
		return "a network is an address and the length of its prefix: 10.0.0.0/8"
	case classBuffer:
		if op == "bcontains" || op == "bstartswith" {
			return "two hexadecimal digits for each byte"
		}
	}
	return ""
}

// byName are the fields to ask when somebody compares a number with a name.
var byName = map[string]string{
	"user.uid": "user.name", "user.loginuid": "user.loginname", "group.gid": "group.name", "proc.pid": "proc.name",
	"proc.ppid": "proc.pname", "proc.sid": "proc.sname", "evt.rawres": "evt.res",
}

func numberHint(v *value, left filter.Node, text string) string {
	if v.typ == scap.PTPort {
		return "" // the message says it all
	}
	digits := strings.TrimSpace(text)
	if _, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return "there is a blank behind the number"
	}
	if n, err := strconv.ParseUint(strings.ToLower(digits), 0, 64); err == nil && strings.HasPrefix(digits, "0") {
		return fmt.Sprintf("numbers are decimal: %d", n)
	}
	if _, err := strconv.ParseFloat(digits, 64); err == nil {
		return "only whole numbers, without an exponent"
	}
	f, ok := left.(*filter.Field)
	if !ok || digits == "" || lower(digits[0]) < 'a' || lower(digits[0]) > 'z' {
		return ""
	}
	if name := byName[f.Name]; name != "" {
		return fmt.Sprintf("%s compares by name", name)
	}
	if name, arg := "evt.arg", strings.TrimPrefix(f.Name, "evt.rawarg"); arg != f.Name {
		if f.HasArg {
			arg = "." + f.Arg
		}
		return fmt.Sprintf("%s%s compares by name", name, arg)
	}
	return ""
}

// regexHint knows what other languages of patterns have.
func regexHint(problem string) string {
	for perl, posix := range map[string]string{`\d`: "[0-9]", `\w`: "[0-9A-Za-z_]", `\s`: "[[:space:]]", `\b`: "the text around it"} {
		if strings.HasSuffix(problem, ": "+perl) {
			return fmt.Sprintf("the syntax is that of POSIX: write %s", posix)
		}
	}
	return ""
}
