// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tiercel/tiercel/agent/capture"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/metrics"
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
	"metric_name": func(a []any) any { return metrics.Name(a[0].(string)) },
	"capture_file": func(a []any) any {
		return capture.FileName(a[0].(string), number(a[1]), number(a[2]))
	},
	"capture_stop": func(a []any) any {
		return capture.Limit{Deadline: number(a[1]), MaxMB: number(a[3])}.Check(number(a[0]), number(a[2])).String()
	},
}

// number reads a number that may need all 64 bits.
func number(a any) uint64 {
	n, err := strconv.ParseUint(a.(json.Number).String(), 10, 64)
	if err != nil {
		panic(err) // fails the case
	}
	return n
}

func runUtils(raw json.RawMessage) error {
	var c struct {
		Fn   string
		Args []any
		Want any
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&c); err != nil {
		return err
	}
	f := functions[c.Fn]
	if f == nil {
		return fmt.Errorf("%s %w", c.Fn, errNoArea)
	}
	return differ(c.Fn, f(c.Args), c.Want)
}
