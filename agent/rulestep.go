// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tiercel/tiercel/agent/metrics"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/fields/hostnames"
)

// loadRules loads the rules, or describes them and ends.
func (r *run) loadRules() (bool, error) {
	files, err := r.readRules()
	if err != nil {
		return true, err
	}
	for _, f := range files {
		r.sums = append(r.sums, metrics.SumFile(f.Name, f.Content))
	}
	set, report := rules.Load(files, r.ruleOptions())
	report.DropAnswered()
	r.logReport(report)
	if err := report.Err(); err != nil {
		for _, h := range report.Hints() {
			r.notice(h)
		}
		return true, err
	}
	for _, s := range r.cfg.Rules {
		r.applySwitch(set, s.Enable, s.Rule, s.Tag)
	}
	r.set = set
	r.rulesReady = time.Now()
	r.logEnabled()
	if dead := set.DeadFields(); len(dead) > 0 {
		r.log.Warn(strings.Join(dead, "\n"))
	}
	if r.opts.Describe || r.opts.DescribeRule != "" {
		return true, r.describe(set)
	}
	return false, nil
}

func (r *run) applySwitch(set *rules.Ruleset, enable bool, rule, tag string) {
	verb := "Disabling"
	if enable {
		verb = "Enabling"
	}
	if rule != "" {
		r.log.Info(fmt.Sprintf("%s rules with name: %s", verb, rule))
		if set.Switch(rules.Switch{Enable: enable, Rule: rule}) == 0 {
			r.log.Warn("No rule's name matches " + rule)
		}
	}
	if tag != "" {
		r.log.Info(fmt.Sprintf("%s rules with tag: %s", verb, tag))
		if set.Switch(rules.Switch{Enable: enable, Tag: tag}) == 0 {
			r.log.Warn("No rule has the tag " + tag)
		}
	}
}

func (r *run) logEnabled() {
	enabled := r.set.Enabled()
	names := make([]string, len(enabled))
	for i, rule := range enabled {
		names[i] = "   " + rule.Name
	}
	r.log.Debug("Enabled rules:\n" + strings.Join(names, "\n"))
	r.log.Debug(fmt.Sprintf("(%d) enabled rules in total", len(enabled)))
}

// describe is -L and -l.
func (r *run) describe(set *rules.Ruleset) error {
	if r.cfg.JSONOutput {
		doc, err := r.describeJSON(set)
		if err != nil {
			return err
		}
		r.print("%s\n", doc)
		return nil
	}
	if r.opts.DescribeRule == "" {
		r.print("%s", set.DescribeText())
		return nil
	}
	text, ok := set.DescribeRuleText(r.opts.DescribeRule)
	if !ok {
		return notLoaded(r.opts.DescribeRule)
	}
	r.print("%s", text)
	return nil
}

func (r *run) describeJSON(set *rules.Ruleset) (json.RawMessage, error) {
	if r.opts.DescribeRule == "" {
		return set.DescribeJSON(), nil
	}
	doc, ok := set.DescribeRuleJSON(r.opts.DescribeRule)
	if !ok {
		return nil, notLoaded(r.opts.DescribeRule)
	}
	return doc, nil
}

func notLoaded(name string) error {
	return &textError{fmt.Sprintf("Runtime error: Rule %q is not loaded. Exiting.", name)}
}

// validateJSON is -V with JSON output: one line, with the description of the
// rules when that was asked for too.
func (r *run) validateJSON(set *rules.Ruleset, report *rules.Report, describe bool) error {
	doc := struct {
		Results  json.RawMessage `json:"falco_load_results"`
		Describe json.RawMessage `json:"falco_describe_results,omitempty"`
	}{Results: report.JSON()}
	if describe {
		var err error
		if doc.Describe, err = r.describeJSON(set); err != nil {
			return err
		}
	}
	line, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	r.print("%s\n", line)
	if report.Err() != nil {
		return messagef("%s", report.Text())
	}
	return nil
}

// catalog returns the fields that rules and outputs can use: the built-in ones,
// the constants of static_fields, and host names where they may be looked up.
func (r *run) catalog() *fields.Table {
	if r.fields != nil {
		return r.fields
	}
	r.fields = fields.Default()
	if len(r.cfg.StaticFields) > 0 {
		static := map[string]string{}
		for _, s := range r.cfg.StaticFields {
			static[s.Name] = s.Value
		}
		r.fields = r.fields.WithStatic(static)
	}
	if r.cfg.ResolveNames {
		r.names = hostnames.New(nil)
		r.fields = r.fields.WithHostNames(r.names)
	}
	return r.fields
}

// resolveNames begins to look up the host names that enabled rules mention.
// Without any, nothing is asked of the network.
func (r *run) resolveNames(ctx context.Context) {
	if r.names == nil {
		return
	}
	var names []string
	for _, rule := range r.set.Enabled() {
		if rule.Tree != nil {
			names = append(names, hostnames.Mentioned(rule.Tree)...)
		}
	}
	if len(names) == 0 {
		return
	}
	r.names.Watch(names...)
	r.log.Info(fmt.Sprintf("Looking up %d host names that rules mention (resolve_host_names)", len(names)))
	go r.names.Run(ctx)
}
