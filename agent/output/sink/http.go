// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// HTTPOptions are how alerts are posted.
type HTTPOptions struct {
	URL       string
	UserAgent string
	JSON      bool // alerts are JSON
	Timeout   time.Duration
	// Retries is how often an alert is posted again after a failure that may
	// pass: a time-out, no connection, an answer of 408, 429 or 5xx.
	Retries  int
	Compress bool // the body is sent with gzip
	// KeepAlive sends TCP keep-alive probes. Connections are used again either
	// way.
	KeepAlive bool
	Echo      io.Writer // gets what the server answers; nil: nobody
	// Files that are read again when they change.
	TLS         TLSFiles
	TokenFile   string // holds a bearer token
	HeadersFile string // holds lines of the form "Name: value"
}

// Bounds of what a server can make us read.
const (
	maxAnswer       = 64 << 10
	maxAnswerHeader = 64 << 10
)

// HTTP posts each alert to an endpoint, the way Falcosidekick and others take
// them. Redirects are not followed: an alert goes where it was told to go.
type HTTP struct {
	o      HTTPOptions
	client *http.Client
	header http.Header // of every request
	marks  marks       // of the files that client and header were made from
	looked time.Time
	now    func() time.Time
	gz     *gzip.Writer
	body   bytes.Buffer
}

// NewHTTP returns the sink that posts to o.URL. The files that it names are
// read when they are needed: they may appear later.
func NewHTTP(o HTTPOptions) (*HTTP, error) {
	o.URL = strings.Trim(o.URL, `"'`)
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		// The URL itself may hold a password.
		return nil, errors.New("http: the url cannot be read (http_output.url)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("http: the url must begin with http:// or https://, not %q (http_output.url)", u.Scheme+":")
	case u.Host == "":
		return nil, errors.New("http: the url names no host (http_output.url)")
	}
	return &HTTP{o: o, now: time.Now}, nil
}

// Name implements output.Sink.
func (s *HTTP) Name() string { return "http" }

// Retries implements output.Retrier.
func (s *HTTP) Retries() int { return s.o.Retries }

// OneByOne implements output.Single.
func (s *HTTP) OneByOne() bool { return true }

// Deliver implements output.Sink.
func (s *HTTP) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if err := s.prepare(); err != nil {
		return 0, err
	}
	for i, e := range entries {
		if err := s.post(ctx, e); err != nil {
			return i, err
		}
	}
	return len(entries), nil
}

// prepare makes the client, and makes it anew when one of its files changed. A
// set of files that does not fit together, because only some of them have been
// replaced so far, leaves the client as it was.
func (s *HTTP) prepare() error {
	now := s.now()
	if s.client != nil && now.Sub(s.looked) < lookEvery {
		return nil
	}
	s.looked = now
	marks := markFiles(append(s.o.TLS.files(), s.o.TokenFile, s.o.HeadersFile))
	if s.client != nil && marks.equal(s.marks) {
		return nil
	}
	config, err := s.o.TLS.config()
	var header http.Header
	if err == nil {
		header, err = s.headers()
	}
	if err != nil {
		if s.client != nil {
			return nil
		}
		return err
	}
	s.drop()
	s.client, s.header, s.marks = s.newClient(config), header, marks
	return nil
}

func (s *HTTP) newClient(config *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: s.o.Timeout, KeepAlive: -1}
	if s.o.KeepAlive {
		dialer.KeepAlive = 0 // the default
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: config,
			DisableCompression: true, MaxResponseHeaderBytes: maxAnswerHeader,
			MaxIdleConns: 1, MaxConnsPerHost: 1, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: s.o.Timeout,
		},
	}
}

// headers returns what every request carries.
func (s *HTTP) headers() (http.Header, error) {
	h := http.Header{}
	if s.o.HeadersFile != "" {
		if err := readHeaders(h, s.o.HeadersFile); err != nil {
			return nil, err
		}
	}
	if s.o.TokenFile != "" {
		token, err := readToken(s.o.TokenFile)
		if err != nil {
			return nil, err
		}
		h.Set("Authorization", "Bearer "+token)
	}
	h.Set("Content-Type", "text/plain")
	if s.o.JSON {
		h.Set("Content-Type", "application/json")
	}
	if s.o.Compress {
		h.Set("Content-Encoding", "gzip")
	}
	if s.o.UserAgent != "" {
		h.Set("User-Agent", s.o.UserAgent)
	}
	return h, nil
}

func (s *HTTP) post(ctx context.Context, e *output.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	body, err := s.encode(e.Text)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = s.header
	answer, err := s.client.Do(req)
	if err != nil {
		return performFailure(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if s.o.Echo != nil && len(text) > 0 {
		_, _ = s.o.Echo.Write(append(text, '\n')) // an answer is not worth an error
	}
	if err := statusFailure(answer); err != nil {
		return err
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return performFailure(err)
	}
	return nil
}

// encode returns the body of a request. It is a copy where the transport may
// still read it after the answer.
func (s *HTTP) encode(text []byte) ([]byte, error) {
	if !s.o.Compress {
		return append([]byte(nil), text...), nil
	}
	s.body.Reset()
	if s.gz == nil {
		s.gz = gzip.NewWriter(&s.body)
	} else {
		s.gz.Reset(&s.body)
	}
	if _, err := s.gz.Write(text); err != nil {
		return nil, err
	}
	if err := s.gz.Close(); err != nil {
		return nil, err
	}
	return append([]byte(nil), s.body.Bytes()...), nil
}

// statusFailure says whether the server took the alert.
func statusFailure(answer *http.Response) error {
	code := answer.StatusCode
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return &output.Failure{Err: fmt.Errorf("the server answered %s: redirects are not followed, give the final address (http_output.url)", answer.Status), Lost: true}
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return &output.Failure{Err: fmt.Errorf("the server answered %s", answer.Status), Refused: true}
	}
	return &output.Failure{Err: fmt.Errorf("the server answered %s", answer.Status), Lost: true}
}

// performFailure puts an error in the words of the tool that users know from
// their logs, followed by ours. The URL is left out: it may hold a password.
func performFailure(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	var (
		timeout net.Error
		dns     *net.DNSError
		op      *net.OpError
		reason  = "Failure when receiving data from the peer"
	)
	switch {
	case errors.Is(err, context.Canceled):
		reason = "Operation was aborted"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		reason = "Timeout was reached"
	case errors.As(err, &dns):
		reason = "Couldn't resolve host name"
	case isCertificate(err):
		reason = "SSL peer certificate or SSH remote key was not OK"
	case isTLS(err):
		reason = "SSL connect error"
	case errors.As(err, &op) && op.Op == "dial", errors.Is(err, syscall.ECONNREFUSED):
		reason = "Couldn't connect to server"
	}
	return &output.Failure{Err: fmt.Errorf("libcurl failed to perform call: %s (%w)", reason, err), Bare: true}
}

func isCertificate(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid)
}

func isTLS(err error) bool {
	var (
		header tls.RecordHeaderError
		alert  tls.AlertError
	)
	return errors.As(err, &header) || errors.As(err, &alert) || strings.Contains(err.Error(), "tls: ")
}

// drop closes idle connections and forgets the client.
func (s *HTTP) drop() {
	if s.client != nil {
		s.client.CloseIdleConnections()
		s.client = nil
	}
}

// Reopen implements output.Sink.
func (s *HTTP) Reopen() error {
	s.drop()
	return nil
}

// Close implements output.Sink.
func (s *HTTP) Close() error { return s.Reopen() }
