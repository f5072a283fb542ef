// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"os"
	"testing"

	"github.com/tiercel/tiercel/test/live"
)

// stockScenarios are provocations and what the reference's own rules say to
// them.
var stockScenarios = []struct {
	provoke string
	wanted
}{
	{"read-shadow", wanted{"Read sensitive file untrusted", "Warning", map[string]string{
		"fd.name": "/etc/shadow", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.pname": "provoke",
		"evt.type": "open(at)?", "user.name": "root", "user.uid": "0"}}},
	{"web-shell", wanted{"Run shell untrusted", "Notice", map[string]string{
		"proc.cmdline": "sh -c exit 0", "proc.pcmdline": "httpd spawn-shell", "proc.pname": "httpd", "user.name": "root"}}},
	{"setuid-bit", wanted{"Set Setuid or Setgid bit", "Notice", map[string]string{
		"evt.arg.mode": ".*S_ISUID.*", "evt.type": "f?chmod(at)?", "proc.name": "chmod", "user.name": "root"}}},
	{"ssh-odd-port", wanted{"Disallowed SSH Connection Non Standard Port", "Notice", map[string]string{
		"fd.name": "203\\.0\\.113\\.7:[0-9]+->203\\.0\\.113\\.7:4444", "fd.rport": "[0-9]+", "evt.type": "connect",
		"proc.name": "ssh"}}},
	{"ptrace", wanted{"PTRACE attached to process", "Warning", map[string]string{"proc.name": "provoke", "evt.type": "ptrace"}}},
	{"memfd-exec", wanted{"Fileless execution via memfd_create", "Critical", map[string]string{
		"proc.exepath": "/?memfd:provoked", "proc.pname": "provoke"}}},
	{"hidden-exec", wanted{"Execution from /dev/shm", "Warning", map[string]string{"proc.exepath": "/dev/shm/provoked"}}},
	{"write-ssh-key", wanted{"Adding ssh keys to authorized_keys", "Warning", nil}},
}

func TestScenarioStockRules(t *testing.T) {
	live.Require(t)
	const stock = "../../../shared/data/rules/"
	var args []string
	for _, f := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		if _, err := os.Stat(stock + f); err != nil {
			t.Skipf("the stock rules of the reference are not here: %v", err)
		}
		args = append(args, "-r", stock+f)
	}
	dir := t.TempDir()
	tiercel := build(t, dir, "github.com/tiercel/tiercel/agent/cmd/tiercel")
	provoke := build(t, dir, "github.com/tiercel/tiercel/test/scenario/provoke")
	a := startAgent(t, tiercel, append(args, "-o", "engine.kind=modern_ebpf", "-o", "rule_matching=all")...)
	defer a.stop(t)
	waitReady(t, a, provoke)
	for _, s := range stockScenarios {
		t.Run(s.provoke, func(t *testing.T) {
			number := run(t, provoke, s.provoke)
			if !eventually(patience, func() bool { return len(a.of(number, s.rule)) > 0 }) {
				t.Fatalf("no alert of %q within %v; instead:\n%s\n%s", s.rule, patience, outputs(a.of(number, "")), a.Log())
			}
			check(t, s.wanted, a.of(number, s.rule))
		})
	}
}
