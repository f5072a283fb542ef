// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tiercel/tiercel/agent/config"
	defaultrules "github.com/tiercel/tiercel/rules/default"
)

const (
	testVersion = "1.2.3-dev+0abc"
	testEpoch   = 1767323045 // 2026-01-02 03:04:05
	pkgVersion  = "1.2.3~dev+20260102030405.0abc"
)

// made are packages of both architectures, built once for all tests, from a copy
// of the sources that nobody changes meanwhile: the folder, below it sources and dist.
var made = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tiercel-packages-test-")
	if err != nil {
		return "", err
	}
	madeIn = dir
	if err := copySources("../..", filepath.Join(dir, "sources")); err != nil {
		return dir, err
	}
	return dir, buildIn(filepath.Join(dir, "sources"), filepath.Join(dir, "dist"), "umask 022", "amd64,arm64")
})

// madeIn is where they are, once they are.
var madeIn string

func TestMain(m *testing.M) {
	status := m.Run()
	if madeIn != "" {
		os.RemoveAll(madeIn)
	}
	os.Exit(status)
}

const testLDFlags = "-s -w -X github.com/tiercel/tiercel/agent.Version=" + testVersion

// buildIn runs the build as make packages does, behind a shell command that changes
// what must not matter.
func buildIn(sources, out, before, archs string, more ...string) error {
	program := out + "-build"
	if text, err := runs(sources, "go", "build", "-trimpath", "-o", program, "./packaging/build"); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	defer os.Remove(program)
	args := append([]string{"-c", before + ` && exec "$0" "$@"`, program, "-version", testVersion, "-tags", "grpcnotrace", "-ldflags", testLDFlags,
		"-out", out, "-arch", archs, "-compression", "gzip"}, more...)
	if text, err := runs(sources, "sh", args...); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// runs runs a program of the build, and returns what it says.
func runs(dir, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", testEpoch), "CGO_ENABLED=0")
	return c.CombinedOutput()
}

// built returns the path of a package.
func built(t *testing.T, name string) string {
	t.Helper()
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "dist", name)
}

// entry is what a package says of one path.
type entry struct {
	tar.Header
	content []byte
}

// unpacked reads a tar archive; names begin with a slash, those of folders do not end with one.
func unpacked(t *testing.T, r io.Reader) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all["/"+strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")] = entry{*h, content}
	}
}

// output runs a program that has to succeed; without the program the test is skipped.
func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s", name)
	}
	c := exec.Command(name, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}

func deb(t *testing.T, file, part string) map[string]entry {
	t.Helper()
	return unpacked(t, bytes.NewReader(output(t, "dpkg-deb", "--"+part+"-tarfile", built(t, file))))
}

var archs = map[string]struct{ rpm, apk, elf string }{
	"amd64": {"x86_64", "x86_64", "\x3e\x00"}, // e_machine
	"arm64": {"aarch64", "aarch64", "\xb7\x00"},
}

func TestTheDebHoldsWhatThePagesPromise(t *testing.T) {
	for arch, a := range archs {
		t.Run(arch, func(t *testing.T) {
			files := deb(t, "tiercel_"+pkgVersion+"-1_"+arch+".deb", "fsys")
			binary := files["/usr/bin/tiercel"].content
			if len(binary) < 1<<20 || string(binary[:4]) != "\x7fELF" || string(binary[18:20]) != a.elf {
				t.Errorf("the binary is none of %s", arch)
			}
			if bytes.Contains(binary, []byte("/lib64/ld-linux")) || bytes.Contains(binary, []byte("/lib/ld-linux")) {
				t.Error("the binary is not static")
			}
			for _, path := range []string{"/etc/tiercel/rules.d", "/etc/tiercel/config.d", "/usr/share/man/man1/tiercel.1.gz", "/usr/share/man/man5/tiercel.yaml.5.gz",
				"/usr/share/bash-completion/completions/tiercel", "/usr/share/zsh/vendor-completions/_tiercel", "/usr/share/fish/vendor_completions.d/tiercel.fish",
				"/usr/share/doc/tiercel/copyright", "/usr/share/doc/tiercel/changelog.Debian.gz", "/usr/share/doc/tiercel/sbom.cdx.json",
				"/usr/share/doc/tiercel/examples/tiercel.yaml", "/usr/lib/systemd/system/tiercel-auto.service", "/usr/lib/systemd/system/tiercel-kmod.service",
				"/usr/lib/systemd/system/tiercel-bpf.service", "/usr/lib/systemd/system/tiercel-modern-bpf.service"} {
				if _, ok := files[path]; !ok {
					t.Errorf("%s is missing", path)
				}
			}
			for _, f := range defaultrules.Files() {
				if got := files["/usr/share/tiercel/rules/"+filepath.Base(f.Name)].content; !bytes.Equal(got, f.Content) {
					t.Errorf("%s is not what the agent embeds", f.Name)
				}
			}
			for path, f := range files {
				want := int64(0o644)
				if f.Typeflag == tar.TypeDir || path == "/usr/bin/tiercel" {
					want = 0o755
				}
				if f.Uid != 0 || f.Gid != 0 || f.Mode&0o7777 != want {
					t.Errorf("%s: mode %o, owner %d:%d", path, f.Mode, f.Uid, f.Gid)
				}
				if f.ModTime.Unix() != testEpoch {
					t.Errorf("%s bears the time %s, not that of the commit", path, f.ModTime)
				}
			}
		})
	}
}

func TestTheDebSaysWhatItIs(t *testing.T) {
	control := deb(t, "tiercel_"+pkgVersion+"-1_amd64.deb", "ctrl")
	if got := strings.TrimSpace(string(control["/conffiles"].content)); got != "/etc/tiercel/tiercel.yaml" {
		t.Errorf("conffiles are %q", got)
	}
	for _, want := range []string{"Package: tiercel\n", "Version: " + pkgVersion + "-1\n", "Architecture: amd64\n", "Section: admin\n", "Priority: optional\n"} {
		if !strings.Contains(string(control["/control"].content), want) {
			t.Errorf("control lacks %q:\n%s", want, control["/control"].content)
		}
	}
	if strings.Contains(string(control["/control"].content), "\nDepends:") {
		t.Error("a static binary depends on nothing; what the module needs is asked for by tiercel-dkms")
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		if f := control["/"+name]; f.Mode&0o777 != 0o755 || !strings.HasPrefix(string(f.content), "#!/bin/sh\n") {
			t.Errorf("%s: mode %o", name, f.Mode)
		}
	}
}

func TestTheInstalledConfigurationLoads(t *testing.T) {
	files := deb(t, "tiercel_"+pkgVersion+"-1_amd64.deb", "fsys")
	path := filepath.Join(t.TempDir(), "tiercel.yaml")
	if err := os.WriteFile(path, files["/etc/tiercel/tiercel.yaml"].content, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 || c.Reports[0].Status != "ok" {
		t.Errorf("%v %+v", c.Warnings, c.Reports)
	}
	if !slices.Equal(c.RulesFiles, []string{"/usr/share/tiercel/rules", "/etc/tiercel/rules.d"}) || !c.Stdout {
		t.Errorf("rules %v, stdout %v", c.RulesFiles, c.Stdout)
	}
	// A loader of eBPF programs repeats itself hundreds of times.
	if c.Duplicates.WindowMS != 10000 || !slices.Contains(c.Duplicates.Fields, "proc.cmdline") || !slices.Contains(c.Duplicates.Fields, "container.id") {
		t.Errorf("repeated alerts are told %+v", c.Duplicates)
	}
}

func TestTheModulesSourcesAreWhatDKMSWants(t *testing.T) {
	files := deb(t, "tiercel-dkms_"+pkgVersion+"-1_all.deb", "fsys")
	conf := string(files["/usr/src/tiercel-"+pkgVersion+"/dkms.conf"].content)
	if !strings.Contains(conf, `PACKAGE_VERSION="`+pkgVersion+`"`) {
		t.Errorf("dkms.conf is of another version:\n%s", conf)
	}
	for _, name := range []string{"Makefile", "Kbuild", "main.c"} {
		if len(files["/usr/src/tiercel-"+pkgVersion+"/"+name].content) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	control := deb(t, "tiercel-dkms_"+pkgVersion+"-1_all.deb", "ctrl")
	if got := string(control["/control"].content); !strings.Contains(got, "\nDepends: dkms") || !strings.Contains(got, "Architecture: all\n") {
		t.Error(got)
	}
	for _, script := range []string{"postinst", "prerm"} {
		if got := string(control["/"+script].content); !strings.Contains(got, "version="+pkgVersion+"\n") || strings.Contains(got, "@") && strings.Contains(got, "@VERSION@") {
			t.Errorf("%s does not know the version", script)
		}
	}
}

func TestTheRPMHoldsTheSame(t *testing.T) {
	for arch, a := range archs {
		t.Run(arch, func(t *testing.T) {
			file := built(t, "tiercel-"+pkgVersion+"-1."+a.rpm+".rpm")
			var listed []string
			for _, line := range lines(string(output(t, "rpm", "-qp", "--nosignature", "--qf", `[%{FILEMODES:octal} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEMTIMES} %{FILENAMES}\n]`, file))) {
				f := strings.Fields(line)
				listed = append(listed, f[4])
				want := "100644"
				switch {
				case strings.HasPrefix(f[0], "4"):
					want = "40755"
				case f[4] == "/usr/bin/tiercel":
					want = "100755"
				}
				if f[0] != want || f[1] != "root" || f[2] != "root" || f[3] != fmt.Sprint(testEpoch) {
					t.Errorf("%s", line)
				}
			}
			for path := range deb(t, "tiercel_"+pkgVersion+"-1_"+arch+".deb", "fsys") {
				switch {
				case strings.Contains(path, "lintian"), strings.HasSuffix(path, "/copyright"), strings.Contains(path, "changelog"), strings.Contains(path, "zsh"):
				case !slices.Contains(listed, path) && !shared(path):
					t.Errorf("%s is in the deb only", path)
				}
			}
			if got := strings.TrimSpace(string(output(t, "rpm", "-qp", "--nosignature", "--configfiles", file))); got != "/etc/tiercel/tiercel.yaml" {
				t.Errorf("configuration files are %q", got)
			}
			if got := string(output(t, "rpm", "-qp", "--nosignature", "--qf", `[%{FILENAMES} %{FILEFLAGS:fflags}\n]`, file)); !strings.Contains(got, "/etc/tiercel/tiercel.yaml cn\n") {
				t.Error("an upgrade would replace the configuration")
			}
			if got := strings.TrimSpace(string(output(t, "rpm", "-qp", "--nosignature", "--qf", `%{LICENSE}|%{BUILDHOST}|%{BUILDTIME}`, file))); got !=
				"Apache-2.0 AND BSD-3-Clause AND MIT AND (GPL-2.0-only OR MIT)|localhost|"+fmt.Sprint(testEpoch) {
				t.Error(got)
			}
		})
	}
}

// shared tells the folders of the system, which no package owns.
func shared(path string) bool {
	return !strings.Contains(path, "tiercel")
}

func TestTheAPKAndTheTarballHoldTheAgent(t *testing.T) {
	for arch, a := range archs {
		for name, prefix := range map[string]string{
			"tiercel_1.2.3_pre20260102030405_" + a.apk + ".apk":    "",
			"tiercel-" + pkgVersion + "-linux-" + arch + ".tar.gz": "/tiercel-" + pkgVersion + "-linux-" + arch,
		} {
			f, err := os.Open(built(t, name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			files := unpacked(t, z)
			binary := files[prefix+"/usr/bin/tiercel"]
			if string(binary.content[18:20]) != a.elf || binary.Mode&0o777 != 0o755 {
				t.Errorf("%s: the binary has mode %o, machine %x", name, binary.Mode, binary.content[18:20])
			}
			for _, path := range []string{"/etc/tiercel/tiercel.yaml", "/usr/share/tiercel/rules/00-vocabulary.yaml", "/usr/share/licenses/tiercel/THIRD-PARTY.txt",
				"/usr/share/zsh/site-functions/_tiercel", "/usr/share/man/man1/tiercel.1.gz"} {
				if len(files[prefix+path].content) == 0 {
					t.Errorf("%s lacks %s", name, path)
				}
			}
		}
	}
}

func TestTheSBOMNamesEveryPartAndItsLicence(t *testing.T) {
	files := deb(t, "tiercel_"+pkgVersion+"-1_arm64.deb", "fsys")
	var doc struct {
		BOMFormat string
		Metadata  struct {
			Timestamp string
			Component struct{ Name, Version string }
		}
		Components []struct {
			Name, Version, Purl string
			Licenses            []struct{ Expression string }
		}
	}
	if err := json.Unmarshal(files["/usr/share/doc/tiercel/sbom.cdx.json"].content, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.BOMFormat != "CycloneDX" || doc.Metadata.Component.Version != "v"+testVersion || doc.Metadata.Timestamp != "" {
		t.Errorf("%+v", doc.Metadata)
	}
	parts := map[string]bool{}
	for _, c := range doc.Components {
		parts[c.Name] = true
		if c.Version == "" || c.Purl == "" || len(c.Licenses) != 1 || c.Licenses[0].Expression == "" {
			t.Errorf("%+v", c)
		}
	}
	modules, err := linkedModules(t.Context(), &options{sources: "../..", tags: "grpcnotrace"}, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if !parts[m.path] {
			t.Errorf("%s is linked in, and not listed", m.path)
		}
	}
}

func TestTheSumsAreThoseOfThePackages(t *testing.T) {
	sums, err := os.ReadFile(built(t, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range lines(string(sums)) {
		sum, name, ok := strings.Cut(line, "  ")
		content, err := os.ReadFile(built(t, name))
		if !ok || err != nil || fmt.Sprintf("%x", sha256.Sum256(content)) != sum {
			t.Errorf("%s: %v", line, err)
		}
		n++
	}
	if n != 10 { // deb, rpm, apk, tar for two architectures; the module's deb and rpm
		t.Errorf("there are %d packages:\n%s", n, sums)
	}
}

// hostileGo are settings of Go that change what it makes; a part is in the file that
// `go env -w` writes.
const hostileGo = ` && printf 'GOAMD64=v3\nGOFLAGS=-tags=netgo\n' >"$TMPDIR/goenv" && export GOENV="$TMPDIR/goenv" ` +
	`GOARM64=v9.0 GOEXPERIMENT=nogreenteagc GOFIPS140=latest GOWORK="$TMPDIR/none.work" GO_EXTLINK_ENABLED=1`

// The sources are copied to another folder; there everything is built again, later,
// in another time zone and language, with another umask and other settings of Go.
func TestTheSameSourcesGiveTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds everything a second time")
	}
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere", "sources")
	if err := copySources(filepath.Join(dir, "sources"), elsewhere); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	if err := buildIn(elsewhere, out, "umask 077 && export TZ=Pacific/Auckland LC_ALL=C.UTF-8 HOSTNAME=elsewhere"+hostileGo, "amd64"); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(out, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(built(t, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(lines(string(again))); n != 6 {
		t.Errorf("there are %d packages", n)
	}
	for _, line := range lines(string(again)) {
		if !strings.Contains(string(first), line+"\n") {
			t.Errorf("built again it is another one: %s", line)
		}
	}
}

// copySources copies what is in the folder, as far as it is no product.
func copySources(from, to string) error {
	product := regexp.MustCompile(`^(\.git|bin|dist|docs/images|test)(/|$)`)
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case product.MatchString(rel) && d.IsDir():
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	})
}
