// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tiercel/tiercel/agent/config"
)

// running is a server on a free port of loopback.
type running struct {
	*Server
	health *Health
	logs   *observer.ObservedLogs
	base   string
}

func options(change func(*Options)) (Options, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	o := Options{
		Config:   config.Webserver{Enabled: true, Address: "127.0.0.1", Healthz: "/healthz"},
		Versions: []byte(`{"engine_version":"63"}`), Metrics: http.NotFoundHandler(), Health: NewHealth(), Log: zap.New(core),
	}
	o.Health.Beat(time.Now(), 1, 1)
	if change != nil {
		change(&o)
	}
	return o, logs
}

func start(t *testing.T, change func(*Options)) *running {
	t.Helper()
	o, logs := options(change)
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	scheme := "http://"
	if o.Config.SSL {
		scheme = "https://"
	}
	return &running{s, o.Health, logs, scheme + s.Addr().String()}
}

// get asks on a connection of its own.
func (r *running) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := c.Get(r.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAnswers(t *testing.T) {
	s := start(t, func(o *Options) {
		o.Config.Healthz = "/alive"
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "numbers") })
	})
	for _, c := range []struct {
		name, path, kind, body string
		status                 int
	}{
		{"health is where the configuration says", "/alive", "application/json", `{"status": "ok"}`, 200},
		{"and not where it would be by default", "/healthz", "text/plain; charset=utf-8", "404 page not found\n", 404},
		{"versions on one line", "/versions", "application/json", "{\"engine_version\":\"63\"}\n", 200},
		{"metrics", "/metrics", "text/plain; charset=utf-8", "numbers", 200},
		{"there is no folder", "/", "text/plain; charset=utf-8", "404 page not found\n", 404},
		{"nothing below an answer", "/versions/", "text/plain; charset=utf-8", "404 page not found\n", 404},
		{"no profiles", "/debug/pprof/", "text/plain; charset=utf-8", "404 page not found\n", 404},
		{"dots lead nowhere", "/../versions", "text/plain; charset=utf-8", "404 page not found\n", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := s.get(t, c.path)
			if resp.StatusCode != c.status || body != c.body || resp.Header.Get("Content-Type") != c.kind {
				t.Errorf("%d %s %q, want %d %s %q", resp.StatusCode, resp.Header.Get("Content-Type"), body, c.status, c.kind, c.body)
			}
		})
	}
	resp, err := http.Post(s.base+"/versions", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d, want 405", resp.StatusCode)
	}
}

func TestHealthzTellsWhyNot(t *testing.T) {
	s := start(t, nil)
	s.health.Fail("no event source could be opened")
	resp, body := s.get(t, "/healthz")
	var answer struct{ Status, Reason string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 503 || answer.Status != "unhealthy" || answer.Reason != "no event source could be opened" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	s.health.Fail("")
	if resp, body := s.get(t, "/healthz"); resp.StatusCode != 200 {
		t.Errorf("after it was taken back: %d %s", resp.StatusCode, body)
	}
}

func TestAClientOfThisHostIsTheCanary(t *testing.T) {
	s := start(t, nil)
	s.health.Witness(true)
	long := time.Now().Add(-time.Minute)
	s.health.last.Store(long.UnixNano())
	if resp, body := s.get(t, "/healthz"); resp.StatusCode != 503 || !strings.Contains(body, "none of its calls was seen") {
		t.Errorf("silent driver: %d %s", resp.StatusCode, body)
	}
	s.health.Beat(time.Now(), 2, 2)
	if resp, body := s.get(t, "/healthz"); resp.StatusCode != 200 {
		t.Errorf("events came: %d %s", resp.StatusCode, body)
	}
}

func TestBindFailureIsTheTextThatToolsKnow(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o, _ := options(func(o *Options) { o.Config.Port = uint32(taken.Addr().(*net.TCPAddr).Port) })
	_, err = Start(o)
	if err == nil || !strings.HasPrefix(err.Error(), "an error occurred while starting webserver: ") {
		t.Errorf("got %v", err)
	}
}

func TestUnusableCertificateFailsTheStart(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"missing": bad + ".not", "no PEM": bad} {
		o, _ := options(func(o *Options) { o.Config.SSL, o.Config.Cert = true, file })
		if _, err := Start(o); err == nil || !strings.HasPrefix(err.Error(), "invalid webserver configuration: ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// writeCert writes a certificate for a name and its key into one file.
func writeCert(t *testing.T, file, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &tpl, &tpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	out := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLSTakesANewCertificateAndKeepsTheOldOneWhenItIsBroken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.pem")
	writeCert(t, file, "first")
	s := start(t, func(o *Options) { o.Config.SSL, o.Config.Cert = true, file })
	name := func() string {
		s.certs.mu.Lock()
		s.certs.looked = time.Time{} // as if a second had gone by
		s.certs.mu.Unlock()
		resp, body := s.get(t, "/healthz")
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		return resp.TLS.PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Fatalf("certificate of %q", got)
	}
	writeCert(t, file, "the second one")
	if got := name(); got != "the second one" {
		t.Errorf("after it was replaced: certificate of %q", got)
	}
	if err := os.WriteFile(file, []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	name()
	if got := name(); got != "the second one" {
		t.Errorf("after it broke: certificate of %q", got)
	}
	if n := s.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("the broken file was reported %d times, want once", n)
	}
}

func TestPlainTextToTLSIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.pem")
	writeCert(t, file, "x")
	s := start(t, func(o *Options) { o.Config.SSL, o.Config.Cert = true, file })
	resp, err := http.Get("http://" + s.Addr().String() + "/versions")
	if err != nil {
		return // a connection that is cut is as good
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Clients that send their header a byte at a time get no more than the time
// for a header, and hold nobody else.
func TestSlowClientsHoldNobody(t *testing.T) {
	s := start(t, nil)
	for range 20 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	}
	if resp, _ := s.get(t, "/healthz"); resp.StatusCode != 200 {
		t.Errorf("beside slow clients: %d", resp.StatusCode)
	}
}

func TestASlowClientIsCutOff(t *testing.T) {
	s := start(t, func(o *Options) { o.headerTimeout = 50 * time.Millisecond })
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for { // until the server ends it
		if _, err := c.Read(make([]byte, 512)); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("the connection was not ended: %v", err)
		}
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	s := start(t, nil)
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: %s\r\n\r\n", strings.Repeat("a", 1<<20))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", resp.StatusCode)
	}
}

func TestConnectionsBeyondTheLimitAreClosedAtOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(ln, 1)
	accepted := make(chan net.Conn, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first := <-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("the second connection was served")
	}
	first.Close()
	first.Close() // gives its room back only once
	dial()
	if c := <-accepted; c == nil {
		t.Error("no room after the first was closed")
	}
	ln.Close()
	for range accepted {
	}
}

func TestWarnsOfAPortThatTheNetworkCanReadWithoutTLS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.pem")
	writeCert(t, file, "x")
	for _, c := range []struct {
		name, address string
		tls           bool
		warnings      int
	}{
		{"loopback", "127.0.0.1", false, 0},
		{"another address of loopback", "127.1.2.3", false, 0},
		{"everywhere", "0.0.0.0", false, 1},
		{"everywhere with TLS", "0.0.0.0", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, func(o *Options) { o.Config.Address, o.Config.SSL, o.Config.Cert = c.address, c.tls, file })
			if n := s.logs.FilterLevelExact(zap.WarnLevel).Len(); n != c.warnings {
				t.Errorf("%d warnings, want %d: %v", n, c.warnings, s.logs.All())
			}
			want := fmt.Sprintf("Starting health webserver with threadiness 0, listening on %s:%d", c.address, s.port())
			if c.tls {
				want += " (SSL)"
			}
			if s.logs.FilterMessage(want).Len() != 1 {
				t.Errorf("no %q in %v", want, s.logs.All())
			}
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	o, _ := options(nil)
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\n") // never ends
	began := time.Now()
	s.Close()
	if d := time.Since(began); d > time.Minute {
		t.Errorf("took %v", d)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listens")
	}
}

func TestHealth(t *testing.T) {
	at := time.Unix(1000, 0)
	later := func(d time.Duration) time.Time { return at.Add(d) }
	for _, c := range []struct {
		name  string
		beats func(h *Health)
		after time.Duration
		want  string // "": healthy
	}{
		{"before the loop has begun", func(*Health) {}, time.Second, "has not begun"},
		{"events flow", func(h *Health) { h.Beat(at, 10, 10) }, time.Second, ""},
		{"the loop is stuck", func(h *Health) { h.Beat(at, 10, 10) }, 8 * time.Second, "has not come round for 8 s"},
		{"an idle host is healthy", func(h *Health) {
			h.Beat(at, 10, 10)
			h.Beat(later(time.Hour), 10, 10)
		}, time.Hour, ""},
		{"no driver, nothing to come", func(h *Health) {
			h.Beat(at, 0, 0)
			h.Beat(later(time.Hour), 0, 0)
		}, time.Hour, ""},
		{"a pause in arrival is no failure", func(h *Health) {
			h.Beat(at, 10, 10)
			h.Beat(later(2*time.Second), 10, 500)
		}, 2 * time.Second, ""},
		{"what the driver sees does not arrive", func(h *Health) {
			h.Beat(at, 10, 10)
			h.Beat(later(3*time.Second), 10, 400)
			h.Beat(later(6*time.Second), 10, 510)
		}, 6 * time.Second, "the driver saw 500 in the last 6 s"},
		{"it flows again", func(h *Health) {
			h.Beat(at, 10, 10)
			h.Beat(later(6*time.Second), 10, 510)
			h.Beat(later(7*time.Second), 11, 511)
		}, 7 * time.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := NewHealth()
			h.now = func() time.Time { return later(c.after) }
			h.flow.Store(at.UnixNano())
			c.beats(h)
			err := h.Check()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHeardEndsWithItsRequest(t *testing.T) {
	h := NewHealth()
	h.Beat(time.Now(), 0, 0)
	h.Witness(true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Heard(ctx, time.Now().Add(time.Hour)); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestBeatAllocatesNothing(t *testing.T) {
	h, at, n := NewHealth(), time.Now(), uint64(0)
	if a := testing.AllocsPerRun(100, func() { n++; h.Beat(at, n, n) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}
