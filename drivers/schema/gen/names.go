// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/tiercel/tiercel/drivers/schema"
)

// initialisms keep their own spelling in Go names.
var initialisms = map[string]string{
	"fd": "FD", "af": "AF", "io": "IO", "id": "ID", "uid": "UID", "gid": "GID", "pid": "PID", "tid": "TID",
	"ipv4": "IPv4", "ipv6": "IPv6", "l4proto": "L4Proto", "tcp": "TCP", "udp": "UDP", "icmp": "ICMP",
}

// camel turns an identifier with underscores into a Go name.
func camel(s string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(strings.ToLower(s), "_") {
		if w == "" {
			continue
		}
		if x, ok := initialisms[w]; ok {
			b.WriteString(x)
			continue
		}
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// eventConst returns the Go constant of an event: PPME_SYSCALL_OPENAT_2_X is
// EvOpenatV2X.
func eventConst(h *schema.Half) string {
	name := strings.TrimPrefix(h.Enum, "PPME_")
	if rest, ok := strings.CutPrefix(name, "SYSCALL_"); ok {
		name = rest
	} else if rest, ok := strings.CutPrefix(name, "SOCKET_"); ok {
		name = rest
	}
	words := strings.Split(name, "_")
	for i, w := range words {
		if strings.Trim(w, "0123456789") == "" && i > 0 {
			words[i] = "v" + w
		}
	}
	return "Ev" + plainCamel(strings.Join(words, "_"))
}

// callConst returns the Go constant of an SC code: SCOpenat2.
func callConst(c *schema.Call) string { return "SC" + plainCamel(c.Name) }

// plainCamel is camel without initialisms: names of calls are words.
func plainCamel(s string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(strings.ToLower(s), "_") {
		if w != "" {
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}

// tableVar returns the Go variable of a flag table.
func tableVar(t *schema.Table) string {
	if t.Var != "" {
		return t.Var
	}
	return camel(t.Name)
}

// valueConst returns the Go constant of a value of a flag table.
func valueConst(t *schema.Table, v schema.Value) string {
	if t.Verbatim {
		return t.Const + v.Name
	}
	prefix := t.Const
	if prefix == "" {
		prefix = camel(t.Name)
	}
	name := strings.TrimPrefix(v.Name, t.Strip)
	return prefix + camel(name)
}

// valueMacro returns the C macro of a value: TCL_FILE_FLAGS_O_CREAT.
func valueMacro(t *schema.Table, v schema.Value) string {
	return "TCL_" + strings.ToUpper(t.Name) + "_" + strings.TrimPrefix(v.Name, t.Strip)
}
