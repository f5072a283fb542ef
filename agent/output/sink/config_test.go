// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/output"
)

// load reads a configuration.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiercel.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{File: path, Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(sinks []output.Sink) string {
	var list []string
	for _, s := range sinks {
		list = append(list, s.Name())
	}
	return strings.Join(list, " ")
}

const everything = `
stdout_output: {enabled: true}
file_output: {enabled: true, filename: /tmp/alerts, keep_alive: true, permissions: "0640"}
syslog_output: {enabled: true}
program_output: {enabled: true, program: cat, keep_alive: true}
http_output: {enabled: true, url: "https://host/", user_agent: me, mtls: true, client_cert: /c, client_key: /k, ca_cert: /ca,
  compress_uploads: true, keep_alive: true, echo: true, max_consecutive_timeouts: 2, bearer_token_file: /t, headers_file: /h}
unix_output: {enabled: true, path: /run/alerts}
journald_output: {enabled: true}
json_output: true
output_timeout: 1500
`

func TestAConfigurationBecomesSinks(t *testing.T) {
	var out bytes.Buffer
	c := load(t, everything)
	sinks := FromConfig(c, &out, zap.NewNop())
	if got := names(sinks); got != "file stdout syslog program http unix journald" {
		t.Fatalf("sinks: %s", got)
	}
	f, p, h := sinks[0].(*File), sinks[3].(*Program), sinks[4].(*HTTP)
	if f.Path != "/tmp/alerts" || !f.KeepAlive || f.Mode != 0o640 || f.Timeout != 1500*time.Millisecond {
		t.Errorf("file: %+v", f)
	}
	if p.Command != "cat" || !p.KeepAlive {
		t.Errorf("program: %+v", p)
	}
	o := h.o
	echo := o.Echo
	o.Echo = nil
	if want := (HTTPOptions{URL: "https://host/", UserAgent: "me", JSON: true, Timeout: 1500 * time.Millisecond, Retries: 2,
		Compress: true, KeepAlive: true, TokenFile: "/t", HeadersFile: "/h",
		TLS: TLSFiles{CACert: "/ca", CAPath: SystemCAs, ClientCert: "/c", ClientKey: "/k"}}); o != want || echo != &out {
		t.Errorf("http: %+v\nwant  %+v", o, want)
	}
	if s, ok := sinks[5].(*UnixStream); !ok || s.path != "/run/alerts" {
		t.Errorf("unix: %+v", sinks[5])
	}
}

func TestOnlyWhatIsEnabledIsOpened(t *testing.T) {
	if got := FromConfig(load(t, "stdout_output: {enabled: false}\n"), nil, zap.NewNop()); len(got) != 0 {
		t.Errorf("sinks: %s", names(got))
	}
}

func TestAnOutputThatCannotBeIsToldOfAndLeftOut(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	c := load(t, "stdout_output: {enabled: true}\nhttp_output: {enabled: true, url: nonsense}\n")
	if got := names(FromConfig(c, nil, zap.New(core))); got != "stdout" {
		t.Errorf("sinks: %s", got)
	}
	if logs.Len() != 1 || !strings.HasPrefix(logs.All()[0].Message, "Failed to init output: http: the url must begin with http") {
		t.Errorf("log: %v", logs.All())
	}
}

func TestNetworkOutputsShareTheSpoolFolder(t *testing.T) {
	dir := t.TempDir()
	c := load(t, everything+"outputs_spool: {dir: "+dir+", max_mb: 10}\n")
	for _, s := range FromConfig(c, nil, zap.NewNop()) {
		_, spooled := s.(output.Spooled)
		if want := s.Name() == "http" || s.Name() == "unix"; spooled != want {
			t.Errorf("%s has a spool: %v", s.Name(), spooled)
		}
	}
}

func TestOptionsOfAllOutputs(t *testing.T) {
	var out bytes.Buffer
	o := Options(load(t, everything+"buffered_outputs: true\noutputs_queue: {capacity: 7}\nduplicate_alerts: {window_ms: 3000, max_keys: 9}\n"), &out, zap.NewNop())
	if o.Timeout != 1500*time.Millisecond || !o.Buffered || o.Capacity != 7 || o.Replay || o.Stdout != &out ||
		o.Suppress != (output.Suppression{Window: 3 * time.Second, MaxKeys: 9}) {
		t.Errorf("%+v", o)
	}
}

func TestAReloadKeepsOutputsThatDidNotChange(t *testing.T) {
	a := load(t, everything)
	if !Same(a, load(t, everything+"priority: warning\n")) {
		t.Error("the priority is not about outputs")
	}
	for _, change := range []string{"buffered_outputs: true\n", "outputs_spool: {dir: /x}\n", "duplicate_alerts: {window_ms: 1}\n"} {
		if Same(a, load(t, everything+change)) {
			t.Errorf("%q changes nothing", change)
		}
	}
	if Same(a, load(t, strings.Replace(everything, "bearer_token_file: /t", "bearer_token_file: /u", 1))) {
		t.Error("another token file changes nothing")
	}
}
