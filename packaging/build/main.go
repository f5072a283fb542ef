// SPDX-License-Identifier: Apache-2.0

// Command build makes the packages: it compiles the agent, makes everything else
// that a package holds from the tables that the agent itself reads, and lets nfpm
// pack it. The same commit gives the same bytes. It runs in the root of the sources.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// options are what the command line asks for.
type options struct {
	out      string
	archs    []string
	formats  []string
	version  versions
	epoch    int64
	tags     string
	ldflags  string
	squeeze  string   // how deb and rpm are compressed
	sources  string   // root of the sources
	made     []string // paths of the packages
	signer   *signer  // nil: packages are not signed
	env      []string // of what is run, once environ has made it
	progress func(format string, args ...any)
}

func main() {
	var (
		out     = flag.String("out", "dist", "`folder` for the packages")
		version = flag.String("version", "", "`version` of the release, as the Makefile makes it")
		archs   = flag.String("arch", "amd64,arm64", "`architectures`, with commas")
		formats = flag.String("formats", "deb,rpm,apk,tar", "`kinds` of packages, with commas")
		tags    = flag.String("tags", "", "build `tags`")
		ldflags = flag.String("ldflags", "", "`options` of the linker")
		squeeze = flag.String("compression", "xz", "`kind` of compression of deb and rpm; gzip is for tests: faster, larger")
		signKey = flag.String("sign-key", "", "sign deb, rpm and the sums with the PGP secret key in this `file`; its passphrase is in "+passphraseName)
		apkKey  = flag.String("sign-key-apk", "", "sign apk with the RSA secret key in this `file` (PEM); the passphrase is the same")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := &options{out: *out, archs: list(*archs), formats: list(*formats), tags: *tags, ldflags: *ldflags, squeeze: *squeeze, sources: ".",
		progress: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	if *signKey != "" || *apkKey != "" {
		o.signer = &signer{pgp: *signKey, rsa: *apkKey, passphrase: os.Getenv(passphraseName)}
	}
	if err := run(ctx, o, *version); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options, version string) error {
	var err error
	if o.epoch, err = commitTime(ctx); err != nil {
		return err
	}
	if o.version, err = mapVersion(version, o.epoch); err != nil {
		return err
	}
	return build(ctx, o)
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// commitTime is the time that all files of the packages bear.
func commitTime(ctx context.Context) (int64, error) {
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		return parseEpoch(s)
	}
	out, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
	if err != nil {
		return 0, fmt.Errorf("the time of the commit: %w (no git clone? set SOURCE_DATE_EPOCH)", err)
	}
	return parseEpoch(string(out))
}

// build makes all packages, and the list of their sums.
func build(ctx context.Context, o *options) error {
	work, err := os.MkdirTemp("", "tiercel-packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	o.out = out
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if err := removeOld(o.out); err != nil {
		return err
	}
	tools := map[string]string{}
	for _, name := range []string{"nfpm", "cyclonedx-gomod", "sign"} {
		if tools[name], err = tool(ctx, o, name); err != nil {
			return err
		}
	}
	if err := o.signer.prepare(ctx, tools["sign"], work); err != nil {
		return err
	}
	for _, arch := range o.archs {
		s := &stage{options: o, arch: arch, dir: filepath.Join(work, arch), tools: tools}
		if err := s.fill(ctx); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		if err := s.pack(ctx); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	if err := writeSums(o.out, o.made); err != nil {
		return err
	}
	return o.signer.sums(ctx, tools["sign"], filepath.Join(o.out, sumsFile))
}

// tool builds a program that the build runs, unless Go has it in its cache, and
// returns its path.
func tool(ctx context.Context, o *options, name string) (string, error) {
	c := exec.CommandContext(ctx, "go", "tool", "-n", name)
	c.Dir = filepath.Join(o.sources, "packaging/tools")
	var err error
	if c.Env, err = o.environ(ctx); err != nil {
		return "", err
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go tool %s: %w\n%s", name, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// removeOld takes away packages of earlier builds, so that dist/*.deb are those of this one.
func removeOld(dir string) error {
	for _, pattern := range []string{"*.deb", "*.rpm", "*.apk", "tiercel-*-linux-*.tar.gz", sumsFile + "*"} {
		old, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// command runs a program in a folder of the sources.
func command(ctx context.Context, o *options, dir string, env []string, name string, args ...string) error {
	all, err := o.environ(ctx)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = filepath.Join(o.sources, dir)
	c.Env = append(slices.Clip(all), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
