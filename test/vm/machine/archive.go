// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Keyring is what Debian's packages are signed with, on a Debian machine.
const Keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Archive is a part of Debian's archive, looked at by apt with a state of its
// own: neither the machine's sources nor its packages play a part.
type Archive struct {
	dir  string // of its state
	arch string
}

// NewArchive looks at suites ("debian bookworm", "debian-security
// bookworm-security") for one architecture, named as Debian does. The state is
// kept below cache by name, and brought up to date once a day.
func NewArchive(cache, name, arch string, suites ...string) (*Archive, error) {
	a := &Archive{dir: filepath.Join(cache, "apt-"+name), arch: arch}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	var list strings.Builder
	for _, s := range suites {
		fmt.Fprintf(&list, "deb [signed-by=%s] http://deb.debian.org/%s main\n", Keyring, s)
	}
	old, _ := os.ReadFile(filepath.Join(a.dir, "sources.list"))
	if err := os.WriteFile(filepath.Join(a.dir, "sources.list"), []byte(list.String()), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	// Once a day is enough for what changes every few weeks.
	stamp := filepath.Join(a.dir, "updated")
	if st, err := os.Stat(stamp); err == nil && time.Since(st.ModTime()) < 24*time.Hour && string(old) == list.String() {
		return a, nil
	}
	if _, err := a.apt("apt-get", "update", "--error-on=any"); err != nil {
		return nil, err
	}
	return a, os.WriteFile(stamp, nil, 0o644)
}

// aptTime bounds one call of apt.
const aptTime = 10 * time.Minute

func (a *Archive) apt(program string, args ...string) (string, error) {
	opts := []string{
		"-q", "-y",
		"-o", "Dir::Etc::sourcelist=" + a.dir + "/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::lists=" + a.dir + "/lists", "-o", "Dir::State::status=" + a.dir + "/status",
		"-o", "Dir::Cache=" + a.dir + "/cache", "-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures=" + a.arch,
		"-o", "APT::Install-Recommends=false", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true",
		"-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=30",
	}
	if program == "apt-cache" {
		opts = opts[2:] // it knows neither
	}
	ctx, cancel := context.WithTimeout(context.Background(), aptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(opts, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", &UnavailableError{fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, Tail(stderr.String(), 800))}
	}
	return string(out), nil
}

// UnavailableError says that Debian's archive did not give what was asked for:
// it cannot be reached, or no longer has it.
type UnavailableError struct{ err error }

func (e *UnavailableError) Error() string { return e.err.Error() }

func (e *UnavailableError) Unwrap() error { return e.err }

// Releases lists the kernels that come with an image and with headers, of
// Debian's cloud flavour.
func (a *Archive) Releases() ([]string, error) {
	out, err := a.apt("apt-cache", "search", "--names-only", `^linux-(image|headers)-[0-9].*-cloud-`+a.arch+`$`)
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

// KernelPackages lists a package and those of its dependencies that are parts of
// the kernel.
func (a *Archive) KernelPackages(name string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		out, err := a.apt("apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", name)
		if err != nil {
			return // a virtual package
		}
		names = append(names, name)
		for line := range strings.Lines(out) {
			if dep, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && kernelPackage.MatchString(dep) {
				follow(kernelPackage.FindString(dep))
			}
		}
	}
	follow(name)
	if len(names) == 0 {
		return nil, &UnavailableError{fmt.Errorf("%s is not in the archive", name)}
	}
	return names, nil
}

// Fetch downloads packages, without what they depend on, and unpacks them into
// root.
func (a *Archive) Fetch(root string, packages ...string) error {
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
			return &UnavailableError{fmt.Errorf("download %s: no file came", p)}
		}
		if err := unpack(have[len(have)-1], root); err != nil {
			return err
		}
	}
	return nil
}

// Root downloads packages and everything that they need, as on a machine
// without any package, and unpacks it all into root, with /usr merged. No
// package is configured: it is a place to chroot into, not a system.
func (a *Archive) Root(root string, packages ...string) error {
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, "usr", d), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+d, filepath.Join(root, d)); err != nil {
			return err
		}
	}
	if _, err := a.apt("apt-get", append([]string{"--download-only", "install"}, packages...)...); err != nil {
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
	for link, target := range map[string]string{"usr/bin/awk": "mawk", "usr/bin/sh": "dash"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	for _, d := range []string{"tmp", "proc", "sys", "dev", "run"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// download has apt put the package into the folder, its hash checked.
func (a *Archive) download(dir, name string) error {
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

// Once makes a folder whole or not at all.
func Once(dir string, fill func(dir string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp := dir + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// Tail returns the last n bytes of a text.
func Tail(s string, n int) string {
	if len(s) > n {
		s = "..." + s[len(s)-n:]
	}
	return s
}
