// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"testing"
)

func TestDeadFields(t *testing.T) {
	const text = `
- macro: deployed
  condition: k8s.deployment.name = x
- rule: a
  desc: d
  condition: evt.type = open and (deployed or tolower(k8s.svc.label[a]) = y or k8s.svc.label[b] = z)
  output: o %k8s.rs.label[app] %container.healthcheck %container.name %evt.latency
  priority: NOTICE
- rule: b
  desc: d
  condition: evt.type = open and not proc.is_container_healthcheck = true
  output: o
  priority: NOTICE
- rule: off
  desc: d
  condition: evt.type = open and k8s.rc.name = x
  output: o
  priority: NOTICE
  enabled: false
- rule: good
  desc: d
  condition: evt.type = open and k8s.pod.name = x
  output: o %container.id
  priority: NOTICE
`
	set, report := Load([]File{{Name: "r.yaml", Content: []byte(text)}}, Options{})
	if set == nil {
		t.Fatal(report.Err())
	}
	want := []string{
		"r.yaml:4:3, rule 'a': deprecated fields never have a value: checks of k8s.deployment.name, k8s.svc.label are false; " +
			"the output has nothing for k8s.rs.label, container.healthcheck",
		"r.yaml:9:3, rule 'b': deprecated fields never have a value: checks of proc.is_container_healthcheck are false",
	}
	if got := set.DeadFields(); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
