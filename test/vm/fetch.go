// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// archive is a part of Debian's archive, looked at by apt with a state of its
// own: neither the machine's sources nor its packages play a part.
type archive struct {
	dir    string // of its state
	suites []string
}

// Kernels of all rows; they vanish from the suites, so the newest is looked up.
var kernelSuites = []string{
	"debian-security bullseye-security", "debian bookworm", "debian-security bookworm-security",
	"debian trixie-backports",
}

func newArchive(cache, name string, suites []string) (*archive, error) {
	a := &archive{dir: filepath.Join(cache, "apt-"+name), suites: suites}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	var list strings.Builder
	for _, s := range suites {
		fmt.Fprintf(&list, "deb [signed-by=%s] http://deb.debian.org/%s main\n", keyring, s)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "sources.list"), []byte(list.String()), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	// Once a day is enough for what changes every few weeks.
	stamp := filepath.Join(a.dir, "updated")
	if st, err := os.Stat(stamp); err == nil && time.Since(st.ModTime()) < 24*time.Hour {
		return a, nil
	}
	if _, err := a.apt("apt-get", "update"); err != nil {
		return nil, err
	}
	return a, os.WriteFile(stamp, nil, 0o644)
}

func (a *archive) apt(program string, args ...string) (string, error) {
	opts := []string{
		"-q", "-y",
		"-o", "Dir::Etc::sourcelist=" + a.dir + "/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::lists=" + a.dir + "/lists", "-o", "Dir::State::status=" + a.dir + "/status",
		"-o", "Dir::Cache=" + a.dir + "/cache", "-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64",
		"-o", "APT::Install-Recommends=false", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true",
	}
	if program == "apt-cache" {
		opts = opts[2:] // it knows neither
	}
	cmd := exec.Command(program, append(opts, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, tail(stderr.String(), 800))
	}
	return string(out), nil
}

// releases lists the kernels that come with an image and with headers.
func (a *archive) releases() ([]string, error) {
	out, err := a.apt("apt-cache", "search", "--names-only", `^linux-(image|headers)-[0-9].*-cloud-amd64$`)
	if err != nil {
		return nil, err
	}
	image, headers := map[string]bool{}, []string{}
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(line, " ")
		if r, ok := strings.CutPrefix(name, "linux-image-"); ok {
			image[r] = true
		} else if r, ok := strings.CutPrefix(name, "linux-headers-"); ok {
			headers = append(headers, r)
		}
	}
	both := headers[:0]
	for _, r := range headers {
		if image[r] {
			both = append(both, r)
		}
	}
	return both, nil
}

var kernelPackage = regexp.MustCompile(`\blinux-(?:image|binary|modules|headers|kbuild|bpf)[a-z0-9.+-]*`)

// kernelPackages follows the dependencies of a package as far as they are
// parts of the kernel.
func (a *archive) kernelPackages(name string, seen map[string]bool) error {
	if seen[name] {
		return nil
	}
	out, err := a.apt("apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", name)
	if err != nil {
		return nil // a virtual package
	}
	seen[name] = true
	for line := range strings.Lines(out) {
		if dep, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && kernelPackage.MatchString(dep) {
			if err := a.kernelPackages(kernelPackage.FindString(dep), seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch downloads packages and unpacks them into root.
func (a *archive) fetch(root string, packages []string) error {
	debs := filepath.Join(a.dir, "debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return err
	}
	for _, p := range packages {
		have, _ := filepath.Glob(filepath.Join(debs, p+"_*.deb"))
		if len(have) == 0 {
			if err := a.download(debs, p); err != nil {
				return err
			}
			have, _ = filepath.Glob(filepath.Join(debs, p+"_*.deb"))
		}
		if len(have) == 0 {
			return fmt.Errorf("download %s: no file came", p)
		}
		if err := unpack(have[len(have)-1], root); err != nil {
			return err
		}
	}
	return nil
}

// closure downloads the packages and everything that they need, as on a
// machine without any package, and unpacks it all into root.
func (a *archive) closure(root string, packages ...string) error {
	args := append([]string{"--download-only", "install"}, packages...)
	if _, err := a.apt("apt-get", args...); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, "cache/archives/*.deb"))
	if err != nil || len(debs) == 0 {
		return fmt.Errorf("the closure of %v is empty (%v)", packages, err)
	}
	for _, d := range debs {
		if err := unpack(d, root); err != nil {
			return err
		}
	}
	return nil
}

// download has apt put the package into the folder, its hash checked.
func (a *archive) download(dir, name string) error {
	old, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil { // apt-get download knows no other way
		return err
	}
	_, err = a.apt("apt-get", "download", name)
	return errors.Join(err, os.Chdir(old))
}

func unpack(deb, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	// dpkg-deb -x would turn /lib, a link to /usr/lib, into a folder.
	list := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	extract := exec.Command("tar", "-x", "--keep-directory-symlink", "-C", root)
	pipe, err := list.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	extract.Stdin, extract.Stderr, list.Stderr = pipe, &stderr, &stderr
	if err := list.Start(); err != nil {
		return err
	}
	if err := errors.Join(extract.Run(), list.Wait()); err != nil {
		return fmt.Errorf("unpack %s: %w\n%s", deb, err, stderr.String())
	}
	return nil
}

func tail(s string, n int) string {
	if len(s) > n {
		s = "..." + s[len(s)-n:]
	}
	return s
}
