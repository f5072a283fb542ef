// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/filter"
)

func numbered(texts []string) []rules.File {
	var files []rules.File
	for i, t := range texts {
		files = append(files, rules.File{Name: fmt.Sprintf("f%d.yaml", i+1), Content: []byte(t)})
	}
	return files
}

func codes(issues []rules.Issue) []string {
	out := []string{}
	for _, i := range issues {
		out = append(out, string(i.Code))
	}
	return out
}

type fileExpect struct {
	Errors, Warnings []string
	Schema           *bool `json:"schema_valid"`
	Message          *string
	Items            *[][2]string
}

func (want *fileExpect) check(got *rules.FileReport) error {
	if err := differ(got.Name+": errors", codes(got.Errors), want.Errors); err != nil {
		return err
	}
	if err := differ(got.Name+": warnings", list(codes(got.Warnings)), list(want.Warnings)); err != nil {
		return err
	}
	if want.Schema != nil {
		if err := differ(got.Name+": schema valid", got.Schema == rules.SchemaOK, *want.Schema); err != nil {
			return err
		}
	}
	if len(got.Errors) == 0 {
		return nil
	}
	if want.Message != nil {
		if err := differ(got.Name+": message", got.Errors[0].Message, *want.Message); err != nil {
			return err
		}
	}
	if want.Items != nil {
		items := [][2]string{}
		for i, l := range got.Errors[0].Context.Locations {
			if i > 0 && l.Type != "condition expression" {
				items = append(items, [2]string{l.Type, l.Name})
			}
		}
		return differ(got.Name+": context", items, *want.Items)
	}
	return nil
}

func runRulesLoad(raw json.RawMessage) error {
	var c struct {
		Files  []string
		Expect struct {
			OK         bool
			Files      []fileExpect
			Conditions map[string]string
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	_, report := rules.Load(numbered(c.Files), rules.Options{Validate: true})
	for i := range c.Expect.Files {
		if i >= len(report.Files) {
			return fmt.Errorf("no report on file %d", i+1)
		}
		if err := c.Expect.Files[i].check(&report.Files[i]); err != nil {
			return err
		}
	}
	set, report := rules.Load(numbered(c.Files), rules.Options{})
	if err := differ("loaded", report.OK(), c.Expect.OK); err != nil || !c.Expect.OK {
		return err
	}
	for name, want := range c.Expect.Conditions {
		rule := set.Rule(name)
		if rule == nil || rule.Tree == nil {
			return fmt.Errorf("rule %q is not there", name)
		}
		if err := differ("condition of "+name, filter.Canonical(rule.Tree), want); err != nil {
			return err
		}
	}
	return nil
}

// manyEvents is from how many names on a case says ALL.
const manyEvents = 80

func runDescribe(raw json.RawMessage) error {
	var c struct {
		Files  []string
		Expect any
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	set, report := rules.Load(numbered(c.Files), rules.Options{})
	if err := report.Err(); err != nil {
		return err
	}
	var got any
	if err := json.Unmarshal(set.DescribeJSON(), &got); err != nil {
		return err
	}
	return differ("description", sortNames(got, ""), sortNames(c.Expect, ""))
}

// sortNames sorts every list of texts, whose order means nothing in a
// description, except the ordered items of lists.
func sortNames(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = sortNames(x, k)
		}
	case []any:
		texts := len(v) > 0
		for i, x := range v {
			v[i] = sortNames(x, "")
			_, isText := x.(string)
			texts = texts && isText
		}
		if key == "events" && len(v) > manyEvents {
			return "ALL"
		}
		if texts {
			sort.Slice(v, func(i, j int) bool { return v[i].(string) < v[j].(string) })
		}
	}
	return v
}
