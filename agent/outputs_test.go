// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inFile waits for a text in a file.
func (w *world) inFile(path, want string) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		content, _ := os.ReadFile(path)
		if strings.Contains(string(content), want) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("no %q in %s: %s\nstderr: %s", want, path, content, &w.err)
		}
	}
}

func TestTheFileIsOpenedAnewAtTheSignal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts")
	w := newWorld(t, ruleOn("A", "/etc/a", "a")+ruleOn("B", "/etc/b", "b"), "-o", "stdout_output.enabled=false",
		"-o", "file_output={enabled: true, keep_alive: true, filename: "+path+"}")
	w.driver.Play(execCat(), openFile(100, "/etc/a"))
	w.start()
	w.inFile(path, "Warning a\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	w.signals <- syscall.SIGUSR1
	w.until(&w.err, "SIGUSR1 received, reopening outputs...")
	w.driver.Play(openFile(100, "/etc/b"))
	w.inFile(path, "Warning b\n")
	w.driver.End()
	w.wait()
	if !strings.HasPrefix(w.out.String(), "Events detected: 2\n") {
		t.Errorf("stdout has more or less than the report: %s", &w.out)
	}
}

func TestAReloadMovesTheAlertsToOtherOutputs(t *testing.T) {
	w := newWorld(t, "")
	rules, path := w.file("rules.yaml", ruleOn("A", "/etc/a", "a")+ruleOn("B", "/etc/b", "b")), filepath.Join(t.TempDir(), "alerts")
	config := func(outputs string) string {
		return "rules_files: [" + rules + "]\nlog_stderr: true\nwatch_debounce_ms: 20\n" + outputs
	}
	main := w.file("tiercel.yaml", config("stdout_output: {enabled: true}\n"))
	w.sys.Args = []string{"-c", main}
	w.driver.Play(execCat(), openFile(100, "/etc/a"))
	w.start()
	w.until(&w.out, "Warning a\n")
	w.overwrite(main, config("file_output: {enabled: true, filename: "+path+"}\n"))
	w.reloaded(1)
	w.driver.Play(openFile(100, "/etc/b"))
	w.inFile(path, "Warning b\n")
	w.overwrite(main, config(""))
	w.inFile(path, "hot restart failure: No output configured")
	w.driver.End()
	w.wait()
	if strings.Contains(w.out.String(), "Warning b") {
		t.Errorf("stdout: %s", &w.out)
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// get asks the agent's web server until it answers with want.
func (w *world) get(url, want string) {
	w.t.Helper()
	var last string
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if resp, err := http.Get(url); err != nil {
			last = err.Error()
		} else {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			last = resp.Status + "\n" + string(body)
		}
		if strings.Contains(last, want) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("GET %s: no %q in %s\nstderr: %s", url, want, last, &w.err)
		}
	}
}

func TestMetricsAndHealthAreServedAndGoOnAcrossAReload(t *testing.T) {
	w := newWorld(t, "")
	port := freePort(t)
	rules := w.file("rules.yaml", ruleOn("A", "/etc/a", "a"))
	config := func(more string) string {
		return "rules_files: [" + rules + "]\nlog_stderr: true\nwatch_debounce_ms: 20\nstdout_output: {enabled: true}\n" +
			more
	}
	server := fmt.Sprintf("metrics: {enabled: true, namespace: falcosecurity, interval: 1h}\nwebserver: {enabled: true, prometheus_metrics_enabled: true, listen_port: %d}\n", port)
	main := w.file("tiercel.yaml", config(server))
	w.sys.Args = []string{"-c", main}
	w.driver.Play(execCat(), openFile(100, "/etc/a"))
	w.start()
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	w.get(url+"/versions", `"tiercel_version"`)
	const matches = `falcosecurity_falco_rules_matches_total{priority="4",rule_name="A",source="syscall"} `
	w.get(url+"/metrics", matches+"1\n")
	w.overwrite(rules, ruleOn("B", "/etc/b", "b")+ruleOn("A", "/etc/a", "a"))
	w.reloaded(1)
	w.driver.Play(openFile(100, "/etc/a"))
	w.get(url+"/metrics", matches+"2\n")
	w.get(url+"/metrics", "falcosecurity_agent_reloads_total")
	w.overwrite(main, config(""))
	w.reloaded(2)
	w.get(url+"/versions", "connection refused")
	w.driver.End()
	w.wait()
}

func TestAWebServerThatCannotBeStartedEndsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := newWorld(t, shadowRule, "-o", fmt.Sprintf("webserver={enabled: true, listen_port: %d}", l.Addr().(*net.TCPAddr).Port))
	if s := w.run(); s != 1 || !strings.Contains(w.err.String(), "Error: an error occurred while starting webserver") {
		t.Errorf("status %d: %s", s, &w.err)
	}
	if calls := w.driver.Calls(); len(calls) > 0 && calls[len(calls)-1] != "Close" {
		t.Errorf("the driver is not closed: %v", calls)
	}
}

func TestAMetricsSnapshotIsAnAlertOfTheAgent(t *testing.T) {
	w := newWorld(t, shadowRule, "-o", "metrics={enabled: true, output_rule: true, interval: 100ms}", "-o", "json_output=true")
	w.driver.Play(execCat())
	w.start()
	w.until(&w.out, `"rule":"Tiercel internal: metrics snapshot"`)
	w.driver.End()
	w.wait()
}
