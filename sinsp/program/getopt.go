// SPDX-License-Identifier: Apache-2.0

package program

import (
	"strings"

	"github.com/tiercel/tiercel/sinsp/fields"
)

// getoptSource parses a list of arguments like the classic parser of short
// options. Without an option it yields the list of letters and arguments, with
// one the last argument given to that option.
type getoptSource struct {
	list, spec int32
	option     byte // 0: all
}

func (s *getoptSource) eval(r *Run, _ int32, out *fields.Value) bool {
	list, ok := r.value(s.list)
	if !ok {
		return false
	}
	spec, ok := r.value(s.spec)
	if !ok {
		return false
	}
	found := false
	out.S, out.Strs = "", out.Strs[:0]
	walkOptions(list.Strs, strings.TrimPrefix(spec.S, ":"), func(letter, arg string, takes bool) {
		switch {
		case s.option == 0:
			out.Strs = append(out.Strs, letter)
			if takes {
				out.Strs = append(out.Strs, arg)
			}
		case letter[0] == s.option:
			found = true
			out.S = arg
			if !takes {
				out.S = letter
			}
		}
	})
	return s.option == 0 || found
}

// walkOptions calls found with each option and its argument; an unknown one
// is "?". Long options are skipped. The walk ends at "--" and at the first
// element that is no option.
func walkOptions(args []string, spec string, found func(letter, arg string, takes bool)) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" || len(a) < 2 || a[0] != '-' {
			return
		}
		if a[1] == '-' {
			continue
		}
		for j := 1; j < len(a); j++ {
			letter := a[j : j+1]
			at := strings.Index(spec, letter)
			if at < 0 || letter == ":" {
				found("?", "", false)
				continue
			}
			if at+1 >= len(spec) || spec[at+1] != ':' {
				found(letter, "", false)
				continue
			}
			arg := a[j+1:]
			if arg == "" && i+1 < len(args) {
				i++
				arg = args[i]
			}
			found(letter, arg, true)
			break
		}
	}
}
