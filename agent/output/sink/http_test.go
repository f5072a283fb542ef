// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tiercel/tiercel/agent/output"
)

// endpoint is a server that keeps what it is sent and answers as told.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	bodies   []string
	requests []*http.Request
	answers  []int // status codes, the last one for ever; none: 200
	hang     bool
	more     chan struct{}
}

func newEndpoint(t *testing.T, start func(*httptest.Server)) *endpoint {
	t.Helper()
	e := &endpoint{more: make(chan struct{}, 100)}
	e.Server = httptest.NewUnstartedServer(e)
	e.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(e.Server)
	t.Cleanup(func() {
		e.CloseClientConnections()
		e.Close()
	})
	return e
}

func plainServer(s *httptest.Server) { s.Start() }

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	e.bodies = append(e.bodies, string(b))
	e.requests = append(e.requests, r)
	code, hang := 200, e.hang
	if len(e.answers) > 0 {
		code = e.answers[0]
		if len(e.answers) > 1 {
			e.answers = e.answers[1:]
		}
	}
	e.mu.Unlock()
	select {
	case e.more <- struct{}{}:
	default:
	}
	if hang {
		<-r.Context().Done()
		return
	}
	if code >= 300 && code < 400 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte("answer"))
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.bodies)
}

func client(t *testing.T, o HTTPOptions) *HTTP {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	s, err := NewHTTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestAnAlertIsPosted(t *testing.T) {
	e := newEndpoint(t, plainServer)
	for _, c := range []struct {
		name string
		o    HTTPOptions
		want map[string]string
	}{
		{"text", HTTPOptions{UserAgent: "agent/1"}, map[string]string{"Content-Type": "text/plain", "User-Agent": "agent/1", "Content-Encoding": ""}},
		{"JSON", HTTPOptions{JSON: true}, map[string]string{"Content-Type": "application/json"}},
		{"compressed", HTTPOptions{Compress: true}, map[string]string{"Content-Encoding": "gzip"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.URL = `"` + e.URL + `/path?x=1"` // quotes around it are taken off
			deliver(t, client(t, c.o), entries(2)...)
			e.mu.Lock()
			defer e.mu.Unlock()
			r, body := e.requests[len(e.requests)-1], e.bodies[len(e.bodies)-1]
			if c.o.Compress {
				z, err := gzip.NewReader(strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(z)
				body = string(b)
			}
			if body != "alert 1" || r.Method != "POST" || r.URL.String() != "/path?x=1" {
				t.Errorf("%s %s %q", r.Method, r.URL, body)
			}
			for name, want := range c.want {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var conns atomic.Int32
	e := newEndpoint(t, func(s *httptest.Server) {
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				conns.Add(1)
			}
		}
		s.Start()
	})
	deliver(t, client(t, HTTPOptions{URL: e.URL}), entries(20)...)
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 20 alerts", n)
	}
}

func TestAnswersDecideWhetherAnAlertIsTriedAgain(t *testing.T) {
	e := newEndpoint(t, plainServer)
	s := client(t, HTTPOptions{URL: e.URL})
	for _, c := range []struct {
		code int
		ok   bool
		lost bool
		want string
	}{
		{200, true, false, ""}, {202, true, false, ""}, {204, true, false, ""},
		{302, false, true, "302 Found: redirects are not followed"},
		{400, false, true, "400 Bad Request"}, {404, false, true, "404 Not Found"},
		{408, false, false, "408 Request Timeout"}, {429, false, false, "429 Too Many Requests"},
		{500, false, false, "500 Internal Server Error"}, {503, false, false, "503 Service Unavailable"},
	} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			e.mu.Lock()
			e.answers = []int{c.code}
			e.mu.Unlock()
			if c.ok {
				deliver(t, s, entry("x"))
				return
			}
			err := refused(t, s, "the server answered "+c.want, entry("x"))
			f := (*output.Failure)(nil)
			if !asFailure(err, &f) || f.Lost != c.lost || f.Refused == c.lost {
				t.Errorf("%+v", f)
			}
		})
	}
	for _, r := range e.requests {
		if r.URL.Path != "/" {
			t.Errorf("a redirect was followed to %s", r.URL)
		}
	}
}

func TestAnEndpointThatHangsCostsTheTimeout(t *testing.T) {
	e := newEndpoint(t, plainServer)
	e.hang = true
	s := client(t, HTTPOptions{URL: e.URL, Timeout: short})
	err := refused(t, s, "libcurl failed to perform call: Timeout was reached", entry("x"))
	if f := (*output.Failure)(nil); !asFailure(err, &f) || !f.Bare || f.Lost {
		t.Errorf("%+v", f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = client(t, HTTPOptions{URL: e.URL, Timeout: time.Hour})
	go func() {
		for e.count() < 2 {
			<-e.more
		}
		cancel()
	}()
	if _, err := s.Deliver(ctx, entries(1)); err == nil {
		t.Error("delivered")
	}
}

func TestWhatCannotBePerformedIsToldInKnownWordsWithoutTheURL(t *testing.T) {
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close()
	go func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(bytes.Repeat([]byte("garbage\x00\xff\n"), 100))
			c.Close()
		}
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	secure := newEndpoint(t, func(s *httptest.Server) { s.StartTLS() })
	for _, c := range []struct{ name, url, want string }{
		{"garbage", "http://user:secret@" + garbage.Addr().String() + "/?token=secret", "Failure when receiving data from the peer"},
		{"garbage as TLS", "https://user:secret@" + garbage.Addr().String(), "SSL connect error"},
		{"nobody listens", "http://user:secret@" + closed.Addr().String() + "/?token=secret", "Couldn't connect to server"},
		{"no such host", "http://user:secret@host.invalid/?token=secret", "Couldn't resolve host name"},
		{"wrong certificate", strings.Replace(secure.URL, "//", "//user:secret@", 1), "SSL peer certificate or SSH remote key was not OK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := client(t, HTTPOptions{URL: c.url})
			err := refused(t, s, "libcurl failed to perform call: "+c.want, entry("x"))
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the log would show %v", err)
			}
		})
	}
}

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	var echo bytes.Buffer
	s := client(t, HTTPOptions{URL: srv.URL, Echo: &echo})
	deliver(t, s, entry("x"))
	if echo.Len() != maxAnswer+1 {
		t.Errorf("%d bytes", echo.Len())
	}
	s.Close()
}

func TestEchoPrintsTheAnswer(t *testing.T) {
	e := newEndpoint(t, plainServer)
	var echo bytes.Buffer
	deliver(t, client(t, HTTPOptions{URL: e.URL, Echo: &echo}), entry("x"))
	if echo.String() != "answer\n" {
		t.Errorf("%q", &echo)
	}
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{path: filepath.Join(t.TempDir(), "ca.pem")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, key, key)
	a.key = key
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.path, "CERTIFICATE", der)
	return a
}

func sign(t *testing.T, c, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate and its key.
func (a *authority) issue(t *testing.T, name, certPath, keyPath string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key, a.key)
	kb, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certPath, "CERTIFICATE", der)
	writePEM(t, keyPath, "EC PRIVATE KEY", kb)
	cert, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestTLSTrustsWhomItIsTold(t *testing.T) {
	dir := t.TempDir()
	ca, other := newAuthority(t), newAuthority(t)
	cert := ca.issue(t, "server", filepath.Join(dir, "s.crt"), filepath.Join(dir, "s.key"))
	e := newEndpoint(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		s.StartTLS()
	})
	const wrong = "SSL peer certificate or SSH remote key was not OK"
	for _, c := range []struct {
		name  string
		files TLSFiles
		want  string // of the error
	}{
		{"ca_cert", TLSFiles{CACert: ca.path}, ""},
		{"ca_bundle", TLSFiles{CABundle: ca.path}, ""},
		{"ca_path", TLSFiles{CAPath: filepath.Dir(ca.path)}, ""},
		{"insecure", TLSFiles{Insecure: true, CACert: other.path}, ""},
		{"ca_cert comes first", TLSFiles{CACert: other.path, CABundle: ca.path}, wrong},
		{"another authority", TLSFiles{CACert: other.path}, wrong},
		{"the system's", TLSFiles{CAPath: SystemCAs + "/"}, wrong},
		{"no such file", TLSFiles{CACert: "/nonexistent"}, "trusted certificates: open /nonexistent: no such file or directory (http_output.ca_cert)"},
		{"no such folder", TLSFiles{CAPath: "/nonexistent"}, "(http_output.ca_path)"},
		{"no certificates in it", TLSFiles{CAPath: filepath.Join(dir, "..")}, "there is none in PEM form (http_output.ca_path)"},
		{"not a certificate", TLSFiles{CACert: filepath.Join(dir, "s.key")}, "there is none in PEM form (http_output.ca_cert)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := client(t, HTTPOptions{URL: e.URL, TLS: c.files})
			if c.want == "" {
				deliver(t, s, entry("x"))
			} else {
				refused(t, s, c.want, entry("x"))
			}
		})
	}
	s := client(t, HTTPOptions{URL: strings.Replace(e.URL, "127.0.0.1", "localhost", 1), TLS: TLSFiles{CACert: ca.path}})
	refused(t, s, wrong, entry("x")) // another name than in the certificate
}

func TestTheClientCertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	ca, stranger := newAuthority(t), newAuthority(t)
	cert := ca.issue(t, "server", filepath.Join(dir, "s.crt"), filepath.Join(dir, "s.key"))
	names := make(chan string, 10)
	e := newEndpoint(t, func(s *httptest.Server) {
		pool := x509.NewCertPool()
		pool.AddCert(ca.cert)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
			VerifyConnection: func(c tls.ConnectionState) error {
				names <- c.PeerCertificates[0].Subject.CommonName
				return nil
			}}
		s.StartTLS()
	})
	crt, key := filepath.Join(dir, "c.crt"), filepath.Join(dir, "c.key")
	s := client(t, HTTPOptions{URL: e.URL, TLS: TLSFiles{CACert: ca.path, ClientCert: crt, ClientKey: key}})
	clock := time.Unix(1000, 0)
	s.now = func() time.Time { return clock }
	refused(t, s, "client certificate: open "+crt+": no such file or directory", entry("x"))
	stranger.issue(t, "stranger", crt, key)
	refused(t, s, "libcurl failed to perform call: SSL", entry("x"))
	for _, name := range []string{"first", "second"} {
		clock = clock.Add(lookEvery)
		ca.issue(t, name, crt, key)
		deliver(t, s, entry("x"))
		if got := <-names; got != name {
			t.Errorf("the server saw %s, want %s", got, name)
		}
	}
	// A key that does not fit yet leaves everything as it was.
	clock = clock.Add(lookEvery)
	stranger.issue(t, "stranger", filepath.Join(dir, "x.crt"), key)
	deliver(t, s, entry("x"))
}

func TestTokenAndHeadersComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	token, headers := filepath.Join(dir, "token"), filepath.Join(dir, "headers")
	e := newEndpoint(t, plainServer)
	s := client(t, HTTPOptions{URL: e.URL, TokenFile: token, HeadersFile: headers})
	clock := time.Unix(1000, 0)
	s.now = func() time.Time { return clock }
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(headers, "# ours\n\nX-Scope-OrgID: tenant-1\nX-Two:  a b \n")
	refused(t, s, "bearer token: open "+token, entry("x"))
	write(token, "  s3cret\n")
	deliver(t, s, entry("x"))
	h := e.requests[0].Header
	if h.Get("Authorization") != "Bearer s3cret" || h.Get("X-Scope-OrgID") != "tenant-1" || h.Get("X-Two") != "a b" {
		t.Errorf("headers: %v", h)
	}
	clock = clock.Add(lookEvery)
	write(token, "another-one")
	deliver(t, s, entry("x"))
	if got := e.requests[1].Header.Get("Authorization"); got != "Bearer another-one" {
		t.Errorf("after a change: %q", got)
	}
}

func TestBadSecretsAreRefusedWithoutShowingThem(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"", "two words-secret", "secret\x01", "\xff secret"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readToken(path); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"no colon secret":          "file:1: a line must have the form Name: value",
		"\nBad name: secret":       "file:2: the name of a header",
		"X: secret\x7f":            "file:1: the value of a header is printable",
		"Content-Length: 1 secret": "file:1: the header Content-Length is not to be set",
		": secret":                 "file:1: the name of a header",
	} {
		err := parseHeaders(http.Header{}, "file", text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := readToken(dir); err == nil {
		t.Error("a folder was read")
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("X-A: b\n# c\n\nY:z")
	f.Add(":\n \r\nHost: x")
	f.Fuzz(func(t *testing.T, text string) {
		h := http.Header{}
		if parseHeaders(h, "f", text) != nil {
			return
		}
		r, err := http.NewRequest("POST", "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = h
		if err := r.Write(io.Discard); err != nil {
			t.Errorf("%q is taken, but cannot be sent: %v", text, err)
		}
	})
}

func TestBadURLsAreRefusedAtTheStartWithoutShowingThem(t *testing.T) {
	for _, u := range []string{"", "secret", "ftp://secret/", "http://", "http://user:secret@[::1/", "http://a\x7fsecret"} {
		if _, err := NewHTTP(HTTPOptions{URL: u}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestManyQuickAnswersAreNoBlockedOutput(t *testing.T) {
	const tries = 5 // on a machine that stands still for a moment no answer is quick
	var log []observer.LoggedEntry
	for range tries {
		if log = blockedByQuickAnswers(t); len(log) == 0 {
			return
		}
	}
	t.Errorf("log: %v", log)
}

// blockedByQuickAnswers delivers alerts that take longer than the timeout
// together, and each far less.
func blockedByQuickAnswers(t *testing.T) []observer.LoggedEntry {
	core, logs := observer.New(zapcore.DebugLevel)
	const each, n = 5 * time.Millisecond, 60
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(each) }))
	defer srv.Close()
	c := load(t, "outputs_spool: {dir: "+t.TempDir()+"}\n")
	h := hubOf(t, output.HubOptions{Log: zap.New(core), Timeout: n * each / 2}, withSpool(client(t, HTTPOptions{URL: srv.URL}), c, zap.NewNop()))
	for range n {
		h.Offer(&output.Alert{TimeNS: 1e18, Priority: "Error", Message: []byte("x")})
	}
	until(t, "all alerts", func() bool {
		_ = h.Check(time.Now())
		return h.Stats(nil)[0].Delivered == n
	})
	return logs.FilterMessageSnippet("output timeout").All()
}

func TestAHubTriesAnEndpointAgainAsOftenAsItIsTold(t *testing.T) {
	e := newEndpoint(t, plainServer)
	e.answers = []int{500, 500, 200}
	s := client(t, HTTPOptions{URL: e.URL, Retries: 2})
	h := hubOf(t, output.HubOptions{}, s)
	h.Offer(&output.Alert{TimeNS: 1e18, Priority: "Error", Message: []byte("x")})
	until(t, "the third try", func() bool { return h.Stats(nil)[0].Delivered == 1 })
	if n := e.count(); n != 3 {
		t.Errorf("%d requests", n)
	}
}
