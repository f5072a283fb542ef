// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/rules"
)

// functions are the small functions that cases of utils call, by name.
var functions = map[string]func(args []any) any{
	"rule_name_wildcard":  func(a []any) any { return rules.MatchName(a[0].(string), a[1].(string)) },
	"metrics_interval_ms": func(a []any) any { return config.ParseInterval(a[0].(string)) },
	"listen_address_ok":   func(a []any) any { return config.ListenAddressOK(a[0].(string)) },
	"parse_priority": func(a []any) any {
		p, ok := rules.ParsePriority(a[0].(string))
		if !ok {
			return nil
		}
		return p.String()
	},
}

func runUtils(raw json.RawMessage) error {
	var c struct {
		Fn   string
		Args []any
		Want any
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	f := functions[c.Fn]
	if f == nil {
		return fmt.Errorf("%s %w", c.Fn, errNoArea)
	}
	return differ(c.Fn, f(c.Args), c.Want)
}
