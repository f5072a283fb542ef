// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/cmdline"
)

const twoRules = `
- rule: Opened
  desc: d
  condition: evt.type = openat and fd.name startswith /etc/
  output: opened %fd.name by %proc.name of %user.name
  priority: WARNING
- rule: Started
  desc: d
  condition: evt.type = execve and proc.name in (sh, bash)
  output: started %proc.cmdline by %proc.pname
  priority: CRITICAL
`

// runs runs one test file against the two rules and returns status and output.
func runs(t *testing.T, text string, work *cmdline.Work) (int, string) {
	t.Helper()
	write(t, map[string]string{"rules.yaml": twoRules, "x_test.yaml": text})
	var out bytes.Buffer
	work.Files = []string{"x_test.yaml"}
	status, err := Test(Env{Stdout: &out}, work)
	if err != nil {
		return status, err.Error()
	}
	return status, out.String()
}

func TestATestThatPasses(t *testing.T) {
	status, out := runs(t, `
rules: rules.yaml
tests:
  - name: both
    events:
      - exec: {path: /bin/sh, args: [-c, "x y"]}
      - open: /etc/hosts
      - open: /tmp/x
    expect:
      - {rule: Started, priority: critical, output: [started sh -c x y, by bash], fields: {proc.pname: bash, evt.type: execve}}
      - Opened
`, &cmdline.Work{})
	if want := "ok    x_test.yaml:4: both\n1 passed, 0 failed\n"; status != StatusOK || out != want {
		t.Errorf("%d\n%s", status, out)
	}
}

func TestFailuresSayWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct{ events, expect, want string }{
		"a missing alert": {"[{open: /tmp/x}]", "expect: [Opened]",
			"line 5: expected but missing: Opened"},
		"an alert too many": {"[{open: /etc/x}]", "expect: none",
			"not expected: Opened (Warning), by the event of line 4: opened /etc/x by bash of alice"},
		"another rule": {"[{open: /etc/x}]", "expect: [Started]",
			"line 5: expected Started\n    but came Opened (Warning), by the event of line 4: opened /etc/x by bash of alice\n" +
				"  not expected: Opened (Warning), by the event of line 4: opened /etc/x by bash of alice"},
		"another order": {"[{open: /etc/x}, {exec: /bin/sh}]", "expect: [Started, Opened]",
			"not expected here: Opened (Warning), by the event of line 4: opened /etc/x by bash of alice\n  line 5: expected but missing: Opened"},
		"other contents": {"[{open: /etc/x}]", "expect: [{rule: Opened, priority: ERROR, output: [by sh, opened], fields: {fd.name: /etc/y}}]",
			"line 5: the alert of Opened, by the event of line 4 is not as expected\n    - priority: ERROR\n    + priority: Warning\n" +
				"    - output with: by sh\n    + output: opened /etc/x by bash of alice\n    - fd.name: /etc/y\n    + fd.name: /etc/x"},
		"a wrong count": {"[{open: /etc/x}]", "expect: [{rule: Opened, count: 2}]",
			"line 5: expected but missing: Opened"},
		"a rule that must be silent": {"[{open: /etc/x}]", "silent: Open*",
			"must be silent: Opened (Warning), by the event of line 4: opened /etc/x by bash of alice"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := runs(t, fmt.Sprintf("rules: rules.yaml\ntests:\n  - name: n\n    events: %s\n    %s\n", c.events, c.expect), &cmdline.Work{})
			want := "FAIL  x_test.yaml:3: n\n  " + c.want + "\n0 passed, 1 failed\n"
			if status != StatusBad || out != want {
				t.Errorf("status %d, got:\n%s\nwant:\n%s", status, out, want)
			}
		})
	}
}

func TestOtherAlertsCanBeIgnored(t *testing.T) {
	for text, want := range map[string]int{
		"expect: [Opened]\n    others: ignored":     StatusOK,
		"expect: [Opened]\n    others: refused":     StatusBad,
		"silent: [Star*]":                           StatusBad,
		"expect: [Started, Opened]\n    silent: []": StatusOK,
	} {
		status, out := runs(t, "rules: rules.yaml\ntests:\n  - name: n\n    events: [{exec: /bin/sh}, {open: /etc/x}]\n    "+text+"\n", &cmdline.Work{})
		if status != want {
			t.Errorf("%s: %d\n%s", text, status, out)
		}
	}
}

func TestMistakesInTestsAreNotFailures(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":                  {"tests: [", "x_test.yaml: "},
		"unknown keys":             {"rules: rules.yaml\ntestz: []\n", "testz"},
		"no tests":                 {"rules: rules.yaml\ntests: []\n", "the file has no tests"},
		"no name":                  {inTest("- events: [{open: x}]\n    expect: none"), "line 3: a test has a name"},
		"no events":                {inTest("- name: n\n    expect: none"), "line 3: test \"n\" has either events or a capture"},
		"no expectation":           {inTest("- name: n\n    events: [{open: x}]"), "line 3: test \"n\" expects nothing: say expect: none, or silent"},
		"a rule that is not there": {inTest("- name: n\n    events: [{open: x}]\n    expect: [Opend]"), "x_test.yaml:5: there is no rule \"Opend\""},
		"rules that are not there": {"rules: ghost.yaml\ntests: [{name: n, events: [{open: x}], expect: none}]", "ghost.yaml cannot be read: no such file or directory"},
		"an unknown event":         {events("{opn: x}"), "line 4: there is no event \"opn\"; use exec, open, connect, accept, wait or the name of a system call"},
		"an unknown attribute":     {events("{open: {path: x, flagz: 1}}"), "line 4: open has no \"flagz\"; it has by, fd, dirfd, name, flags, mode, dev, ino"},
		"an unknown flag":          {events("{open: {path: x, flags: O_REED}}"), "line 4: flags: \"O_REED\" is none of "},
		"an unknown error":         {events("{unlink: {path: x, res: EFROG}}"), "line 4: res: \"EFROG\" is neither a number nor the name of an error"},
		"an unknown user":          {events("{exec: {path: /bin/x, user: bob}}"), "line 4: there is no user \"bob\": add it to host.users"},
		"a program without path":   {events("{exec: {args: [x]}}"), "line 4: exec needs the path of the program"},
		"an impossible address":    {events("{connect: nowhere}"), "line 4: to is an address such as 10.0.0.1:80 or [::1]:80, not \"nowhere\""},
		"a number too large":       {events("{kill: {pid: 99999999999999999999}}"), "line 4: pid: "},
		"two events in one":        {events("{open: x, close: {}}"), "line 4: an event is a map of one name to what belongs to it"},
		"a process by number":      {events("{open: {path: x, by: 77}}"), "line 4: by: there is no process \"77\""},
		"a field that is none":     {inTest("- name: n\n    events: [{open: /etc/x}]\n    expect: [{rule: Opened, fields: {fd.nmae: x}}]"), "line 5: field \"fd.nmae\""},
		"a capture that is none":   {inTest("- name: n\n    capture: x_test.yaml\n    expect: none"), "x_test.yaml"},
		"a broken rules file":      {"rules: x_test.yaml\ntests: [{name: n, events: [{open: x}], expect: none}]", "the rules do not load:"},
		"an alias bomb":            {"a: &a [x,x]\ntests: [*a]\n", "x_test.yaml: "},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := runs(t, c.text, &cmdline.Work{})
			if status != StatusTrouble || !strings.Contains(out, c.want) {
				t.Errorf("status %d:\n%s\nwant %s", status, out, c.want)
			}
		})
	}
}

func inTest(body string) string { return "rules: rules.yaml\ntests:\n  " + body + "\n" }

func events(list string) string {
	return inTest("- name: n\n    events: [" + list + "]\n    expect: none")
}

func TestAnyCallCanBeWritten(t *testing.T) {
	rules := "- rule: R\n  desc: d\n  priority: INFO\n  condition: evt.type in (kill, mount, setuid, unshare, memfd_create, rename, bind, accept4, symlink) or evt.type = procexit\n" +
		"  output: \"%evt.type|%evt.args|%proc.name|%fd.name\"\n"
	write(t, map[string]string{"r.yaml": rules, "x_test.yaml": `
rules: r.yaml
tests:
  - name: calls
    host: {processes: [{path: /usr/sbin/nginx, pid: 77}]}
    events:
      - kill: {by: nginx, pid: 1, sig: SIGKILL}
      - mount: {dev: none, dir: /mnt, type: tmpfs, flags: NOSUID|NODEV, res: EPERM}
      - setuid: 0
      - memfd_create: {name: x, flags: MFD_CLOEXEC}
      - rename: {oldpath: /a, newpath: /b}
      - bind: {addr: "0.0.0.0:80", fd: 9}
      - accept: {from: "192.0.2.1:5555", at: "10.0.0.5:80", by: nginx}
      - wait: 5s
      - procexit: {by: nginx, status: 0}
    expect:
      - {rule: R, output: [kill|, res=0, pid=1(systemd), sig=9(SIGKILL), "|nginx|"]}
      - {rule: R, output: [mount|, "res=-1(EPERM)", dir=/mnt, NOSUID]}
      - {rule: R, output: [setuid|, "uid=0(root)"]}
      - {rule: R, output: [memfd_create|, name=x]}
      - {rule: R, output: [rename|, newpath=/b]}
      - {rule: R, output: [bind|, "addr=0.0.0.0:80"]}
      - {rule: R, output: ["192.0.2.1:5555->10.0.0.5:80"], fields: {evt.type: accept4, fd.cip: 192.0.2.1}}
      - {rule: R, output: [procexit|]}
`})
	var out bytes.Buffer
	status, err := Test(Env{Stdout: &out}, &cmdline.Work{Files: []string{"."}, Verbose: true})
	if status != StatusOK || err != nil {
		t.Errorf("%d %v\n%s", status, err, out.String())
	}
}

func TestTestsCanBeChosenAndReportedAsJSON(t *testing.T) {
	text := "rules: rules.yaml\ntests:\n  - {name: first one, events: [{open: /etc/x}], expect: [Opened]}\n  - {name: second, events: [{open: /etc/x}], expect: none}\n"
	status, out := runs(t, text, &cmdline.Work{Run: "first", JSON: true})
	var rep TestReport
	if err := json.Unmarshal([]byte(out), &rep); err != nil || status != StatusOK || rep.Passed != 1 || len(rep.Files[0].Tests) != 1 || rep.Files[0].Tests[0].Alerts[0].Rule != "Opened" {
		t.Errorf("%d %v\n%s", status, err, out)
	}
	if status, out := runs(t, text, &cmdline.Work{Run: "third"}); status != StatusTrouble || out != `there is no test whose name contains "third"` {
		t.Errorf("%d %s", status, out)
	}
}

func TestTheRulesOfTheCommandLineComeFirst(t *testing.T) {
	write(t, map[string]string{
		"mine.yaml": twoRules, "x_test.yaml": "rules: ghost.yaml\ntests: [{name: n, events: [{open: /etc/x}], expect: [Opened]}]\n",
	})
	var out bytes.Buffer
	status, err := Test(Env{Stdout: &out, Files: []string{"mine.yaml"}, Forced: true}, &cmdline.Work{Files: []string{"x_test.yaml"}})
	if status != StatusOK || err != nil {
		t.Errorf("%d %v\n%s", status, err, out.String())
	}
}

func TestRulesCanBeSwitchedInATest(t *testing.T) {
	status, out := runs(t, "rules: rules.yaml\ndisable: Open*\nrule_matching: all\ntests: [{name: n, events: [{open: /etc/x}], expect: none}]\n", &cmdline.Work{})
	if status != StatusOK {
		t.Errorf("%d %s", status, out)
	}
}

func FuzzTests(f *testing.F) {
	f.Add([]byte("rules: default\ntests:\n  - name: n\n    events: [{exec: {path: /bin/sh, parent: nginx, container: {name: x, image: a:b}}}]\n    expect: [{rule: x, count: 2}]\n"))
	f.Add([]byte(events("{open: {path: x, flags: O_RDONLY|O_CREAT, fd: last}}")))
	f.Add([]byte(events("{connect: {to: \"[::1]:80\", from: \"[::2]:1\"}}, {accept: \"1.2.3.4:5\"}, {wait: 1s}, {ptrace: {data: x=1}}, {poll: {fds: [a]}}")))
	f.Add([]byte("a: &a {b: *a}\ntests: [{name: x, events: [*a], expect: none}]"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		file, err := parseTests(text)
		if err != nil {
			return
		}
		for i := range file.Tests {
			w := newWorld()
			if w.populate(&file.Host) != nil {
				return
			}
			for k := range file.Tests[i].Events {
				if w.step(&file.Tests[i].Events[k]) != nil {
					break
				}
			}
		}
	})
}

func TestACaptureCanBeTheEvents(t *testing.T) {
	capture, err := filepath.Abs(filepath.Join("..", "..", "test", "capture", "testdata", "session.scap"))
	if err != nil {
		t.Fatal(err)
	}
	rules := "- {rule: R, desc: d, priority: INFO, condition: \"evt.type = execve and proc.name in (mkdir, cat)\", output: \"%proc.cmdline\"}\n"
	write(t, map[string]string{"r.yaml": rules, "x_test.yaml": `
rules: r.yaml
tests:
  - name: session
    capture: ` + capture + `
    expect:
      - {rule: R, output: mkdir tiercel-capture, fields: {proc.pname: sh}}
      - {rule: R, output: cat tiercel-capture/f}
      - {rule: R, output: cat /nowhere}
`})
	var out bytes.Buffer
	status, err := Test(Env{Stdout: &out}, &cmdline.Work{Files: []string{"x_test.yaml"}, Verbose: true})
	if status != StatusOK || err != nil {
		t.Errorf("%d %v\n%s", status, err, out.String())
	}
}
