// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// Package writes the chart of a version as `helm package` does, and returns the
// name of the archive. Its bytes depend on the sources and at only.
func Package(out, version string, at time.Time) (string, error) {
	c, err := loader.Load(ChartDir)
	if err != nil {
		return "", err
	}
	c.Metadata.Version, c.Metadata.AppVersion = version, version
	file, err := chartutil.Save(c, out)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if text, err = sameTime(text, at); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, text, 0o644)
}

// sameTime gives all files of an archive one time: Helm takes that of the run.
func sameTime(archive []byte, at time.Time) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	out := gzip.NewWriter(&b)
	w := tar.NewWriter(out)
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			err := errors.Join(w.Close(), out.Close())
			return b.Bytes(), err
		}
		if err != nil {
			return nil, err
		}
		h.ModTime = at
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.Copy(w, r); err != nil {
			return nil, err
		}
	}
}
