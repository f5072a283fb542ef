// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	modernbpf "github.com/tiercel/tiercel/modern_bpf"
)

// headers returns the build folder of a kernel whose headers are here.
func headers(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/src/linux-headers-*-*64")
	for _, dir := range found {
		if _, err := sourceTree("", dir); err == nil {
			return dir
		}
	}
	t.Skip("no kernel headers here (Debian: apt-get install linux-headers-cloud-amd64)")
	return ""
}

// The sources that modern_bpf runs are the sources of the legacy probe: they
// compile against a kernel's headers, with no BTF, and hold every program that
// the loader asks for.
func TestPortabilityLegacyProbeBuilds(t *testing.T) {
	t.Parallel()
	dir := headers(t)
	if _, err := FindCompiler(exec.LookPath); err != nil {
		if _, there := exec.LookPath("clang-14"); there == nil {
			t.Fatalf("clang is installed: %v", err)
		}
		t.Skipf("needs clang, opt and llc: %v", err)
	}
	var log strings.Builder
	object, err := Build(context.Background(), BuildOptions{Release: "test", Headers: dir, Dir: t.TempDir(), Output: &log})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "-march=bpf") {
		t.Errorf("does not say what it runs: %s", log.String())
	}
	holdsAll(t, object)
}

func TestABuildSaysWhatIsMissing(t *testing.T) {
	empty, unconfigured := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(unconfigured, "Makefile"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ headers, says string }{
		{empty, "no kernel headers in " + empty + "; install the headers of this very kernel (Debian, Ubuntu: linux-headers-6.1"},
		{unconfigured, "are not configured"},
	} {
		if _, err := Build(context.Background(), BuildOptions{Release: "6.1", Headers: c.headers, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

func TestHeadersInTwoPartsAreFound(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"debian/Makefile":                     "include /usr/src/linux-headers-6.1-common/Makefile\n",
		"debian/include/generated/autoconf.h": "",
		"suse/Makefile":                       "export KBUILD_OUTPUT = .\ninclude ../linux-6.1/Makefile\n",
		"suse/include/generated/autoconf.h":   "",
		"fedora/Makefile":                     "VERSION = 6\ninclude $(srctree)/scripts/Kbuild.include\n",
		"fedora/include/generated/autoconf.h": "",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		"debian": "/other/usr/src/linux-headers-6.1-common", "suse": root + "/linux-6.1", "fedora": root + "/fedora",
	} {
		if got, err := sourceTree("/other", filepath.Join(root, dir)); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", dir, got, err, want)
		}
	}
}

func TestTheNewestCompleteCompilerIsTaken(t *testing.T) {
	for _, c := range []struct{ have, want string }{
		{"clang-19 opt-19 llc-19 clang-14 opt-14 llc-14", "clang-19"},
		{"clang-19 clang-14 opt-14 llc-14", "clang-14"},
		{"clang opt llc", "clang"},
		{"clang-16 opt-15 llc-16", ""},
	} {
		got, err := FindCompiler(func(name string) (string, error) {
			for have := range strings.FieldsSeq(c.have) {
				if have == name {
					return name, nil
				}
			}
			return "", exec.ErrNotFound
		})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("of %s: %q, %v", c.have, got, err)
		}
	}
}

func TestAProbeThatIsNotThereSaysHowToGetIt(t *testing.T) {
	_, err := OpenFile(filepath.Join(t.TempDir(), "probe.o"), modernbpf.Options{})
	if !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "tiercel driver build bpf makes it") {
		t.Error(err)
	}
	broken := filepath.Join(t.TempDir(), "probe.o")
	if err := os.WriteFile(broken, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(broken, modernbpf.Options{}); err == nil || !strings.Contains(err.Error(), "build it again: tiercel driver build bpf --force") {
		t.Error(err)
	}
}

func TestThePlaceOfAProbeNamesKernelAndSources(t *testing.T) {
	path, err := BuiltPath("6.1.0-9")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := SourceHash()
	if err != nil || len(hash) != 12 || path != "/var/lib/tiercel/6.1.0-9/probe-"+hash+".o" {
		t.Errorf("%q of %q, %v", path, hash, err)
	}
}
