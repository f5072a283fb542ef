// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/test/vm/disk"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// rpmStory is the story of the rpm. It needs no machine: Debian has rpm itself,
// and with a root of its own, where systemctl works on links alone, the scripts
// of the package do what they do when an image is built.
const rpmStory = "rpm"

// rpmRoot is such a root.
type rpmRoot struct {
	ctx context.Context
	dir string
}

// run runs a line of shell in the root.
func (r *rpmRoot) run(line string) (string, error) { return r.runIn("true", line) }

// runIn does something first, outside of the root but in its mounts.
func (r *rpmRoot) runIn(before, line string) (string, error) {
	cmd := exec.CommandContext(r.ctx, "unshare", "-m", "sh", "-ec",
		`mount -t proc proc "$1/proc"; mount --bind /dev "$1/dev"; `+before+`; exec chroot "$1" /bin/sh -c "$2"`, "sh", r.dir, line)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "SYSTEMD_OFFLINE=1"}
	out, err := cmd.CombinedOutput()
	// Debian's rpm thinks that Debian's users ought not to use it.
	var kept []string
	for l := range strings.Lines(string(out)) {
		if !strings.Contains(l, "use Alien instead") && !strings.Contains(l, "you know what you are doing") {
			kept = append(kept, l)
		}
	}
	text := strings.TrimSpace(strings.Join(kept, ""))
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", line, err, text)
	}
	return text, err
}

// rpm runs rpm. What Debian provides its database does not know.
func (r *rpmRoot) rpm(args string) (string, error) { return r.run("rpm --nodeps " + args) }

func (r *rpmRoot) read(path string) string {
	b, _ := os.ReadFile(filepath.Join(r.dir, path))
	return string(b)
}

func (r *rpmRoot) link(path string) string {
	target, _ := os.Readlink(filepath.Join(r.dir, path))
	return filepath.Base(target)
}

// files are all of the root but what rpm itself keeps.
func (r *rpmRoot) files() (map[string]bool, error) {
	all := map[string]bool{}
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, r.dir)
		if err == nil && d.IsDir() && slices.Contains([]string{"/proc", "/dev", "/packages", "/var/lib/rpm", "/root", "/tmp"}, rel) {
			return filepath.SkipDir
		}
		all[rel] = true
		return err
	})
	return all, err
}

func runRPM(ctx context.Context, w *world) (machine.Said, error) {
	r, err := newRPMRoot(ctx, w)
	if err != nil {
		return machine.Said{}, err
	}
	before, err := r.files()
	if err != nil {
		return machine.Said{}, err
	}
	said := machine.Said{Done: true}
	for _, s := range rpmSteps {
		if err := s.do(r, before); err != nil {
			said.Failed = append(said.Failed, s.name+": "+strings.ReplaceAll(err.Error(), "\n", " | "))
			continue
		}
		said.Passed = append(said.Passed, s.name)
	}
	return said, nil
}

// newRPMRoot makes a root of unpacked packages, of which each run has a copy.
func newRPMRoot(ctx context.Context, w *world) (*rpmRoot, error) {
	whole := filepath.Join(w.cache, "pkgtest-rpm")
	if err := machine.Once(whole, func(dir string) error {
		a, err := machine.NewArchive(w.cache, "pkgtest-rpm", machine.AMD64.Name, "debian "+disk.Suite)
		if err != nil {
			return err
		}
		return a.Root(dir, "rpm", "systemd", "dash", "bash", "coreutils", "sed", "grep", "findutils", "mawk", "gzip", "tar")
	}); err != nil {
		return nil, err
	}
	r := &rpmRoot{ctx, filepath.Join(w.dir, "rpmroot")}
	if err := disk.Command(ctx, "cp", "-a", whole, r.dir); err != nil {
		return nil, err
	}
	for name, file := range map[string]string{"old.rpm": w.packages.oldRPM, "new.rpm": w.packages.newRPM} {
		if err := disk.Command(ctx, "install", "-D", "-m", "644", file, filepath.Join(r.dir, "packages", name)); err != nil {
			return nil, err
		}
	}
	// What every system of that kind has, and so no package of ours owns.
	_, err := r.run("rpm --initdb; mkdir -p /usr/share/licenses /usr/share/fish/vendor_completions.d /usr/share/zsh/site-functions /usr/share/bash-completion/completions")
	return r, err
}

// rpmSteps are the life of the rpm.
var rpmSteps = []struct {
	name string
	do   func(r *rpmRoot, before map[string]bool) error
}{
	{"no space: refused, nothing is installed", func(r *rpmRoot, before map[string]bool) error {
		place := "usr/share/tiercel"
		out, err := r.runIn(`mkdir -p "$1/`+place+`"; mount -t tmpfs -o size=64k tmpfs "$1/`+place+`"`, "rpm --nodeps -i /packages/old.rpm")
		_ = os.Remove(filepath.Join(r.dir, place))
		if err == nil {
			return errors.New("it was installed")
		}
		return errors.Join(says(out, "needs", "filesystem"), r.installed(""), r.left(before))
	}},
	{"installed by name of a driver: enabled for it, not started without a systemd", func(r *rpmRoot, _ map[string]bool) error {
		out, err := r.run("TIERCEL_DRIVER=kmod rpm --nodeps -i /packages/old.rpm")
		if err == nil && out != "" {
			err = fmt.Errorf("it says: %s", out)
		}
		if got := r.link("etc/systemd/system/tiercel.service"); got != "tiercel-kmod.service" {
			err = errors.Join(err, fmt.Errorf("tiercel.service is %q", got))
		}
		return errors.Join(err, r.installed("0.1.0"), r.whole())
	}},
	{"the driver can be set", func(r *rpmRoot, _ map[string]bool) error {
		out, err := r.run("tiercel driver set auto")
		if got := r.link("etc/systemd/system/tiercel.service"); got != "tiercel-auto.service" {
			err = errors.Join(err, fmt.Errorf("tiercel.service is %q: %s", got, out))
		}
		return err
	}},
	{"upgrade keeps the changed configuration and the choice, with broken rules too", func(r *rpmRoot, _ map[string]bool) error {
		conffile := filepath.Join(r.dir, "etc/tiercel/tiercel.yaml")
		changed := r.read("etc/tiercel/tiercel.yaml") + "# a line of the administrator\n"
		if err := errors.Join(os.WriteFile(conffile, []byte(changed), 0o644),
			os.WriteFile(filepath.Join(r.dir, "etc/tiercel/rules.d/own.yaml"), []byte("- rule: broken\n"), 0o644)); err != nil {
			return err
		}
		if _, err := r.rpm("-U /packages/new.rpm"); err != nil {
			return err
		}
		var err error
		if r.read("etc/tiercel/tiercel.yaml") != changed {
			err = errors.New("the configuration is not what the administrator had written")
		}
		if got := r.link("etc/systemd/system/tiercel.service"); got != "tiercel-auto.service" {
			err = errors.Join(err, fmt.Errorf("tiercel.service is %q", got))
		}
		return errors.Join(err, r.installed("0.2.0"))
	}},
	{"erased: the changed configuration is put aside, nothing else is left", func(r *rpmRoot, before map[string]bool) error {
		if _, err := r.rpm("-e tiercel"); err != nil {
			return err
		}
		saved := "etc/tiercel/tiercel.yaml.rpmsave"
		err := says(r.read(saved), "a line of the administrator")
		for _, path := range []string{saved, "etc/tiercel/rules.d/own.yaml", "etc/tiercel/rules.d", "etc/tiercel"} {
			err = errors.Join(err, os.Remove(filepath.Join(r.dir, path))) // and nothing beside them
		}
		return errors.Join(err, r.installed(""), r.left(before))
	}},
}

func says(text string, words ...string) error {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return fmt.Errorf("no %q in: %s", w, text)
		}
	}
	return nil
}

// installed checks which version rpm knows, "" for none.
func (r *rpmRoot) installed(version string) error {
	out, _ := r.run("rpm -q --qf '%{VERSION}' tiercel")
	if version == "" && strings.Contains(out, "is not installed") || version != "" && strings.HasPrefix(out, version) {
		return nil
	}
	return fmt.Errorf("rpm says %q of a tiercel that should be %q", out, version)
}

// whole has rpm compare all files with the package.
func (r *rpmRoot) whole() error {
	out, err := r.rpm("-V tiercel")
	if err == nil && out != "" {
		err = errors.New(out)
	}
	return err
}

// left says what the root has more, or less, than before.
func (r *rpmRoot) left(before map[string]bool) error {
	now, err := r.files()
	for _, f := range slices.Sorted(maps.Keys(now)) {
		if !before[f] {
			err = errors.Join(err, fmt.Errorf("left behind: %s", f))
		}
	}
	for _, f := range slices.Sorted(maps.Keys(before)) {
		if !now[f] {
			err = errors.Join(err, fmt.Errorf("gone: %s", f))
		}
	}
	return err
}
