// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/config"
)

// Bounds of what a client can make the server hold.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
	maxConns      = 128
	closeTimeout  = time.Second
)

// Options say what a server answers.
type Options struct {
	Config   config.Webserver
	Versions []byte       // the JSON object of --version
	Metrics  http.Handler // answers 404 itself where there are none
	Health   *Health
	Log      *zap.Logger

	headerTimeout time.Duration // 0: headerTimeout (tests)
}

// Server is a running web server. Close ends it.
type Server struct {
	http  *http.Server
	ln    net.Listener
	certs *certificate // nil: no TLS
	done  chan struct{}
	log   *zap.Logger
}

// errStart and errTLS are texts that tools match on.
const (
	errStart = "an error occurred while starting webserver"
	errTLS   = "invalid webserver configuration"
)

// Start listens and serves. An error is fatal to the start of the agent.
func Start(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.headerTimeout == 0 {
		o.headerTimeout = headerTimeout
	}
	s := &Server{done: make(chan struct{}), log: o.Log}
	if o.Config.SSL {
		var err error
		if s.certs, err = loadCertificate(o.Config.Cert, o.Log); err != nil {
			return nil, fmt.Errorf("%s: %w (webserver.ssl_certificate: one PEM file with the certificate and its key)", errTLS, err)
		}
	}
	addr := net.JoinHostPort(strings.TrimSpace(o.Config.Address), strconv.FormatUint(uint64(o.Config.Port), 10))
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (webserver.listen_address, webserver.listen_port)", errStart, err)
	}
	s.ln = newLimited(ln, maxConns)
	s.http = &http.Server{
		Handler: newMux(&o), ReadHeaderTimeout: o.headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: zap.NewStdLog(o.Log.Named("webserver")),
		ConnContext: withConn,
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true) // enough for a few short answers, and less to attack
	if s.certs != nil {
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certs.get}
	}
	s.announce(&o.Config)
	go s.serve()
	return s, nil
}

// announce says where the server listens, and warns of a port that the network
// can read.
func (s *Server) announce(c *config.Webserver) {
	tail := ""
	if c.SSL {
		tail = " (SSL)"
	}
	s.log.Info(fmt.Sprintf("Starting health webserver with threadiness %d, listening on %s:%d%s", c.Threads, c.Address, s.port(), tail))
	if ip, err := netip.ParseAddr(strings.TrimSpace(c.Address)); err == nil && !ip.Unmap().IsLoopback() && !c.SSL {
		s.log.Warn("The webserver can be reached from the network without encryption " +
			"(webserver.listen_address 127.0.0.1 keeps it on this host, webserver.ssl_enabled encrypts it)")
	}
}

func (s *Server) port() int { return s.ln.Addr().(*net.TCPAddr).Port }

// Addr returns where the server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

func (s *Server) serve() {
	defer close(s.done)
	var err error
	if s.certs != nil {
		err = s.http.ServeTLS(s.ln, "", "")
	} else {
		err = s.http.Serve(s.ln)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.log.Error(fmt.Sprintf("The webserver ended: %v", err))
	}
}

// Close ends the server: requests under way get a moment, then their
// connections are closed.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // what is left goes with the connections
	}
	<-s.done
}

// newMux makes the answers. There is no folder, no redirect and no default:
// what is not named here is 404.
func newMux(o *Options) http.Handler {
	versions := append(append([]byte(nil), o.Versions...), '\n')
	answers := map[string]http.HandlerFunc{
		"/versions": func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, versions) },
		"/metrics":  o.Metrics.ServeHTTP,
	}
	answers["/"+strings.TrimPrefix(o.Config.Healthz, "/")] = func(w http.ResponseWriter, r *http.Request) { healthz(w, r, o.Health) }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		answer, ok := answers[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			answer(w, r)
		}
	})
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// healthz answers whether events flow. The healthy answer is the one that
// tools know.
func healthz(w http.ResponseWriter, r *http.Request, health *Health) {
	var err error
	if c, ok := r.Context().Value(connKey{}).(*conn); ok && c.local && c.requests.Add(1) == 1 {
		err = health.Heard(r.Context(), c.since)
	} else {
		err = health.Check()
	}
	if err == nil {
		writeJSON(w, http.StatusOK, []byte(`{"status": "ok"}`))
		return
	}
	body, merr := json.Marshal(map[string]string{"status": "unhealthy", "reason": err.Error()})
	if merr != nil {
		panic(merr) // a map of strings always marshals
	}
	writeJSON(w, http.StatusServiceUnavailable, body)
}

// conn is what a request's health check has to know of its connection.
type conn struct {
	since    time.Time
	local    bool // the client is on this host
	requests atomic.Uint32
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	peer, _ := c.RemoteAddr().(*net.TCPAddr)
	own, _ := c.LocalAddr().(*net.TCPAddr)
	local := peer != nil && own != nil && (peer.IP.IsLoopback() || peer.IP.Equal(own.IP))
	return context.WithValue(ctx, connKey{}, &conn{since: time.Now(), local: local})
}
