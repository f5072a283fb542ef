// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/packaging/dkms"
	"github.com/tiercel/tiercel/packaging/man"
	defaultrules "github.com/tiercel/tiercel/rules/default"
)

const homepage = "https://github.com/tiercel/tiercel"

//go:embed *.yaml.tmpl
var recipes embed.FS

// settings are what the installed configuration says, in this order.
var settings = []config.Setting{
	{Key: "config_files", Value: "[/etc/tiercel/config.d]"},
	{Key: "rules_files", Value: "[/usr/share/tiercel/rules, /etc/tiercel/rules.d]"},
	{Key: "priority", Value: "debug", Off: true},
	{Key: "json_output", Value: "true", Off: true},
	{Key: "stdout_output.enabled", Value: "true"},
	{Key: "duplicate_alerts.window_ms", Value: "10000",
		Why: "A program that does the same thing hundreds of times, as a loader of eBPF programs does, is told of once, with a count."},
	{Key: "duplicate_alerts.fields", Value: "[proc.cmdline, proc.pname, fd.name, container.id]"},
	{Key: "log_stderr", Value: "true"},
	{Key: "log_syslog", Value: "false"},
	{Key: "capture.path_prefix", Value: "/var/lib/tiercel/captures/tiercel"},
}

// stage is the folder that holds, for one architecture, what packages are made of:
// below tree/ as it is installed, beside it scripts and recipes.
type stage struct {
	*options
	arch    string
	dir     string
	tools   map[string]string // their paths
	modules []linked
}

func (s *stage) fill(ctx context.Context) error {
	s.progress("%s: compiling", s.arch)
	bin := s.path("tree/usr/bin/tiercel")
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return err
	}
	// Without -buildvcs=false the binary would differ between a clone and an archive of it.
	if err := command(ctx, s.options, ".", []string{"GOOS=linux", "GOARCH=" + s.arch}, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", s.tags, "-ldflags", s.ldflags, "-o", bin, "./agent/cmd/tiercel"); err != nil {
		return err
	}
	var err error
	if s.modules, err = linkedModules(ctx, s.options, s.arch); err != nil {
		return err
	}
	for _, step := range []func() error{s.rules, s.configuration, s.manuals, s.units, s.licences, s.module, s.scripts, s.changelog, s.overrides} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := s.sbom(ctx, bin); err != nil {
		return err
	}
	if err := s.completions(ctx); err != nil {
		return err
	}
	return s.settle()
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// put writes a file of the stage.
func (s *stage) put(name string, content []byte) error {
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

func (s *stage) rules() error {
	files := defaultrules.Files()
	if len(files) == 0 {
		return errors.New("there are no default rules")
	}
	for _, f := range files {
		if err := s.put("tree/usr/share/tiercel/rules/"+filepath.Base(f.Name), f.Content); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) configuration() error {
	text, err := config.Installed(settings)
	if err != nil {
		return err
	}
	if err := s.put("tree/etc/tiercel/tiercel.yaml", text); err != nil {
		return err
	}
	return s.put("tree/usr/share/doc/tiercel/examples/tiercel.yaml", config.Example())
}

func (s *stage) manuals() error {
	page := man.Page{Version: s.version.Agent, Date: time.Unix(s.epoch, 0).UTC()}
	for name, text := range map[string][]byte{"man1/tiercel.1": page.Commands(), "man5/tiercel.yaml.5": page.Configuration()} {
		packed, err := zip(text)
		if err != nil {
			return err
		}
		if err := s.put("tree/usr/share/man/"+name+".gz", packed); err != nil {
			return err
		}
	}
	return nil
}

// zip compresses without a name and a time, so that the same text gives the same bytes.
func zip(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func (s *stage) units() error {
	units, err := filepath.Glob(filepath.Join(s.sources, "packaging/systemd/*.service"))
	if err != nil {
		return err
	}
	for _, u := range units {
		text, err := os.ReadFile(u)
		if err != nil {
			return err
		}
		if err := s.put("tree/usr/lib/systemd/system/"+filepath.Base(u), text); err != nil {
			return err
		}
	}
	initd, err := os.ReadFile(filepath.Join(s.sources, "packaging/openrc/tiercel.initd"))
	if err != nil {
		return err
	}
	return s.put("openrc/tiercel", initd)
}

// licenceFiles are installed where no copyright file of Debian's form is: what is
// linked in, and our own from LICENSES.
var licenceFiles = []string{"THIRD-PARTY.txt", "Apache-2.0.txt", "GPL-2.0-only.txt", "MIT.txt"}

func (s *stage) licences() error {
	text, err := copyright(s.options, homepage, s.modules)
	if err != nil {
		return err
	}
	if err := s.put("copyright", []byte(text)); err != nil {
		return err
	}
	if text, err = copyrightModule(s.options, homepage); err != nil {
		return err
	}
	if err := s.put("copyright-dkms", []byte(text)); err != nil {
		return err
	}
	for _, name := range licenceFiles[1:] {
		text, err := os.ReadFile(filepath.Join(s.sources, "LICENSES", name))
		if err != nil {
			return err
		}
		if err := s.put("licenses/"+name, text); err != nil {
			return err
		}
	}
	return s.put("licenses/"+licenceFiles[0], []byte(thirdParty(s.modules)))
}

func (s *stage) module() error {
	return dkms.Write(s.path("dkms"), s.version.Pkg)
}

// scripts joins each maintainer script with what all share.
func (s *stage) scripts() error {
	parts, err := filepath.Glob(filepath.Join(s.sources, "packaging/scripts/*.*.sh"))
	if err != nil {
		return err
	}
	for _, p := range parts {
		name := filepath.Base(p)
		lib := "lib.sh"
		if strings.HasPrefix(name, "dkms.") {
			lib = "dkms.lib.sh"
		}
		if name == lib {
			continue
		}
		shared, err := os.ReadFile(filepath.Join(filepath.Dir(p), lib))
		if err != nil {
			return err
		}
		own, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		text := "#!/bin/sh\n" + strings.ReplaceAll(string(shared), "@VERSION@", s.version.Pkg) + "\n" + string(own)
		if err := s.put("scripts/"+name, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// changelog writes that of the packages; what changed stands in the sources.
func (s *stage) changelog() error {
	text := fmt.Sprintf("- semver: %q\n  date: %s\n  packager: %s\n  deb:\n    urgency: medium\n    distributions: [unstable]\n  changes:\n    - note: |-\n        Release %s.\n",
		s.version.Pkg+"-1", time.Unix(s.epoch, 0).UTC().Format(time.RFC3339), maintainer, s.version.Agent)
	return s.put("changelog.yaml", []byte(text))
}

// overrides are remarks of lintian that do not hold here, with the reasons.
func (s *stage) overrides() error {
	common := "# The packages are not made for Debian's archive, where a bug asks for each new one.\n%[1]s: initial-upload-closes-no-bugs *\n"
	if err := s.put("lintian/tiercel-dkms", fmt.Appendf(nil, common, "tiercel-dkms")); err != nil {
		return err
	}
	return s.put("lintian/tiercel", fmt.Appendf(nil, common+
		"# Static on purpose: one binary for every distribution, and for early boot.\n%[1]s: statically-linked-binary *\n", "tiercel"))
}

// settle gives every file of the stage the time and the modes that packages take over.
func (s *stage) settle() error {
	when := time.Unix(s.epoch, 0)
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		name, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() || strings.HasPrefix(name, "tree/usr/bin/") || strings.HasPrefix(name, "scripts/") || strings.HasPrefix(name, "openrc/") {
			mode = 0o755
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
		return os.Chtimes(path, when, when)
	})
}

const maintainer = "Tiercel maintainers <maintainers@users.noreply.github.com>"

// recipe fills in what nfpm reads.
func (s *stage) recipe(pkg, format string) (string, error) {
	t, err := template.ParseFS(recipes, pkg+".yaml.tmpl")
	if err != nil {
		return "", err
	}
	version := s.version.Pkg
	if format == "apk" {
		version = s.version.APK
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{
		"Arch": s.arch, "Version": version, "Module": s.version.Pkg, "Format": format, "Maintainer": maintainer, "Homepage": homepage,
		"Time": time.Unix(s.epoch, 0).UTC().Format(time.RFC3339), "License": licenceExpression(s.modules), "Licences": licenceFiles, "Compression": s.squeeze,
		"Key": s.signer.key(format),
	}); err != nil {
		return "", err
	}
	name := "nfpm-" + pkg + "-" + format + ".yaml"
	return name, s.put(name, b.Bytes())
}
