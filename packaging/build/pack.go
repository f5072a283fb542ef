// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// packages are the names, and in which kinds each is made: Alpine has no DKMS
// that would be in use.
var packages = []struct {
	name    string
	once    bool // the same for all architectures
	formats map[string]bool
}{
	{"tiercel", false, map[string]bool{"deb": true, "rpm": true, "apk": true}},
	{"tiercel-dkms", true, map[string]bool{"deb": true, "rpm": true}},
}

func (s *stage) pack(ctx context.Context) error {
	for _, format := range s.formats {
		if format == "tar" {
			if err := s.tarball(); err != nil {
				return err
			}
			continue
		}
		for _, p := range packages {
			if !p.formats[format] || p.once && s.arch != s.archs[0] {
				continue
			}
			if err := s.nfpm(ctx, p.name, format); err != nil {
				return err
			}
		}
	}
	return nil
}

// nfpm packs one package, and says how big it became.
func (s *stage) nfpm(ctx context.Context, pkg, format string) error {
	recipe, err := s.recipe(pkg, format)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, s.tools["nfpm"], "package", "-f", recipe, "-p", format, "-t", s.out+"/")
	c.Dir = s.dir
	all, err := s.environ(ctx)
	if err != nil {
		return err
	}
	c.Env = append(slices.Clip(all), s.signer.environ()...)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("nfpm package -p %s: %w\n%s", format, err, out)
	}
	_, path, ok := strings.Cut(string(out), "created package: ")
	if !ok {
		return fmt.Errorf("nfpm does not say what it made: %s", out)
	}
	return s.told(strings.TrimSpace(path))
}

func (s *stage) told(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.made = append(s.made, path)
	s.progress("%s: %s, %.1f MB", s.arch, filepath.Base(path), float64(info.Size())/1e6)
	return nil
}

// tarball packs what the agent needs for systems without a package of ours.
func (s *stage) tarball() error {
	name := fmt.Sprintf("tiercel-%s-linux-%s", s.version.Pkg, s.arch)
	path := filepath.Join(s.out, name+".tar.gz")
	var b bytes.Buffer
	level := gzip.BestCompression
	if s.squeeze == "gzip" {
		level = gzip.BestSpeed
	}
	z, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, part := range []struct{ from, to string }{
		{"tree", ""}, {"licenses", "usr/share/licenses/tiercel"}, {"completions/tiercel.bash", "usr/share/bash-completion/completions/tiercel"},
		{"completions/_tiercel", "usr/share/zsh/site-functions/_tiercel"}, {"completions/tiercel.fish", "usr/share/fish/vendor_completions.d/tiercel.fish"},
	} {
		if err := s.addTar(t, part.from, filepath.Join(name, part.to)); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return err
	}
	return s.told(path)
}

func (s *stage) addTar(t *tar.Writer, from, to string) error {
	root := s.path(from)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: filepath.ToSlash(filepath.Join(to, rel)), Mode: int64(info.Mode().Perm()), Size: info.Size(),
			ModTime: time.Unix(s.epoch, 0), Format: tar.FormatUSTAR, Uname: "root", Gname: "root"}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(t, f)
		return err
	})
}

// sumsFile names the list of the packages' sums.
const sumsFile = "SHA256SUMS"

// writeSums lists what was made, as sha256sum does.
func writeSums(dir string, made []string) error {
	slices.Sort(made)
	var b strings.Builder
	for _, path := range made {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), filepath.Base(path))
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), []byte(b.String()), 0o644)
}
