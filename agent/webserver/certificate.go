// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/textfile"
)

// lookEvery is how often, at most, a handshake looks whether the certificate's
// file has changed.
const lookEvery = time.Second

// maxPEM bounds the certificate's file, in bytes.
const maxPEM = 1 << 20

// certificate is a certificate and key in one PEM file, read again when the
// file changes. A file that has become unusable leaves the one in force.
type certificate struct {
	path string
	log  *zap.Logger

	mu      sync.Mutex // guards what follows
	cert    *tls.Certificate
	size    int64
	mod     time.Time
	looked  time.Time
	problem string // reported last
}

func loadCertificate(path string, log *zap.Logger) (*certificate, error) {
	c := &certificate{path: path, log: log}
	return c, c.load()
}

// load reads the file. The caller holds mu, or is the only one.
func (c *certificate) load() error {
	c.looked = time.Now()
	st, err := os.Stat(c.path)
	if err != nil {
		return err
	}
	if st.Size() == c.size && st.ModTime().Equal(c.mod) {
		return nil
	}
	c.size, c.mod = st.Size(), st.ModTime() // a broken file is reported once
	pem, err := textfile.Read(c.path, maxPEM)
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	c.cert = &cert
	return nil
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.cert, nil
	}
	before := c.cert
	err := c.load()
	switch {
	case err != nil && err.Error() != c.problem:
		c.problem = err.Error()
		c.log.Error("webserver.ssl_certificate: " + c.problem + "; the certificate in force stays")
	case err == nil && c.cert != before:
		c.problem = ""
		c.log.Info("webserver.ssl_certificate: the new certificate is in force")
	}
	return c.cert, nil
}
