// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The runner must be able to fail: a runner that cannot is worth nothing.
func TestRunnerReportsPassedFailedAndMissing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"filter_parse_more.jsonl": `{"name":"good","expr":"evt.type = open","ok":true,"canonical":"evt.type = open","stable":true}
{"name":"wrong-text","expr":"evt.type = open","ok":true,"canonical":"evt.type=open"}
{"name":"wrong-verdict","expr":"evt.type = open","ok":false}
`,
		"utils.jsonl":   `{"name":"later","fn":"fly","args":[],"want":1}` + "\n",
		"unknown.jsonl": `{"name":"x"}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	failed, err := runDir(&b, dir, options{})
	if err != nil || failed != 2 {
		t.Errorf("%d failed, %v", failed, err)
	}
	want := "filter_parse_more 1/3\n    wrong-text\n    wrong-verdict\n" +
		"unknown 0/1 (1 not run: does not exist yet)\nutils 0/1 (1 not run: fly does not exist yet)\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestRunnerRefusesAFolderWithoutCases(t *testing.T) {
	if _, err := runDir(&strings.Builder{}, t.TempDir(), options{}); err == nil {
		t.Error("no error")
	}
}

// TestCollection holds what passes: with the collection beside the project,
// every case whose subject exists.
func TestCollection(t *testing.T) {
	dir := "../../../shared/conformance"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the conformance collection is not on this machine: %v", err)
	}
	var b strings.Builder
	failed, err := runDir(&b, dir, options{verbose: true})
	if err != nil || failed > 0 {
		t.Errorf("%v\n%s", err, &b)
	}
}
