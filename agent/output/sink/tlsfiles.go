// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tiercel/tiercel/agent/textfile"
)

// SystemCAs is the folder of the certificates that the system trusts.
const SystemCAs = "/etc/ssl/certs"

// TLSFiles are the files that TLS needs.
type TLSFiles struct {
	Insecure bool // the server may be anybody
	// Whom to trust: the first of these that is given, otherwise whom the
	// system trusts.
	CACert, CABundle, CAPath string
	// What the server is shown; "": nothing.
	ClientCert, ClientKey string
}

// files returns what a change of is to be noticed.
func (t *TLSFiles) files() []string {
	var f []string
	switch {
	case t.Insecure:
	case t.CACert != "":
		f = append(f, t.CACert)
	case t.CABundle != "":
		f = append(f, t.CABundle)
	case t.CAPath != "":
		f = append(f, t.CAPath)
	}
	return append(f, t.ClientCert, t.ClientKey)
}

// config reads the files.
func (t *TLSFiles) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if !t.Insecure {
		var err error
		if c.RootCAs, err = t.roots(); err != nil {
			return nil, err
		}
	}
	if t.ClientCert != "" {
		cert, err := tls.LoadX509KeyPair(t.ClientCert, t.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w (http_output.client_cert, http_output.client_key)", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// roots returns whom to trust; nil is whom the system trusts.
func (t *TLSFiles) roots() (*x509.CertPool, error) {
	switch {
	case t.CACert != "":
		return readCAs("http_output.ca_cert", t.CACert)
	case t.CABundle != "":
		return readCAs("http_output.ca_bundle", t.CABundle)
	case t.CAPath == "", filepath.Clean(t.CAPath) == SystemCAs:
		return nil, nil
	}
	files, err := os.ReadDir(t.CAPath)
	if err != nil {
		return nil, fmt.Errorf("trusted certificates: %w (http_output.ca_path)", err)
	}
	var paths []string
	for _, f := range files {
		if !f.IsDir() {
			paths = append(paths, filepath.Join(t.CAPath, f.Name()))
		}
	}
	return readCAs("http_output.ca_path", paths...)
}

// readCAs reads certificates from files. Of several, some may be no
// certificates.
func readCAs(key string, paths ...string) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for _, path := range paths {
		text, err := textfile.Read(path, 8<<20)
		if err != nil && len(paths) == 1 {
			return nil, fmt.Errorf("trusted certificates: %w (%s)", err, key)
		}
		found = pool.AppendCertsFromPEM(text) || found
	}
	if !found {
		return nil, fmt.Errorf("trusted certificates: there is none in PEM form (%s)", key)
	}
	return pool, nil
}

// mark tells one state of a file from another.
type mark struct {
	time time.Time
	size int64
	info os.FileInfo
}

// marks are those of several files, nil where there is none.
type marks []*mark

func markFiles(paths []string) marks {
	m := make(marks, len(paths))
	for i, path := range paths {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			m[i] = &mark{info.ModTime(), info.Size(), info}
		}
	}
	return m
}

func (m marks) equal(other marks) bool {
	if len(m) != len(other) {
		return false
	}
	for i, a := range m {
		b := other[i]
		if (a == nil) != (b == nil) {
			return false
		}
		if a != nil && (!a.time.Equal(b.time) || a.size != b.size || !os.SameFile(a.info, b.info)) {
			return false
		}
	}
	return true
}
