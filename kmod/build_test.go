// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// headers is a build folder whose makefile does what the test says.
func headers(t *testing.T, makefile, config string) string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "include/config"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"Makefile": makefile, "include/config/auto.conf": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	t.Setenv("MAKEFLAGS", "s") // as make -s hands it down
	t.Setenv("MAKELEVEL", "1")
	const product = "modules:\n\t@echo by $(if $(LLVM),clang,gcc) > $(M)/tiercel.ko\n"
	for _, c := range []struct {
		name, makefile, config string
		holds, says            string
	}{
		{"a kernel of gcc", product, "CONFIG_X=y\nCONFIG_CC_IS_GCC=y\n", "by gcc\n", ""},
		{"a kernel of clang", product, "CONFIG_X=y\nCONFIG_CC_IS_CLANG=y\nCONFIG_Y=y\n", "by clang\n", ""},
		{"the compiler fails", "modules:\n\t@echo main.c:1: error: no; exit 1\n", "", "", "main.c:1: error: no"},
		{"nothing comes out", "modules:\n\t@echo all is well\n", "", "", "make succeeded, but left no module\nmake: Entering"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ko, err := Build(context.Background(), BuildOptions{Release: "6.1", Headers: headers(t, c.makefile, c.config), Dir: t.TempDir()})
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "build the module for 6.1: ") {
					t.Errorf("%v, want %s", err, c.says)
				}
				return
			}
			b, readErr := os.ReadFile(ko)
			if err != nil || readErr != nil || string(b) != c.holds {
				t.Errorf("%q, %v, %v", b, err, readErr)
			}
		})
	}
}

func TestABuildSaysWhatIsMissing(t *testing.T) {
	_, err := Build(context.Background(), BuildOptions{Release: "6.1", Headers: t.TempDir(), Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "linux-headers-6.1") || !strings.Contains(err.Error(), "or use modern_bpf") {
		t.Error(err)
	}
	t.Setenv("PATH", "")
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "Makefile"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Build(context.Background(), BuildOptions{Release: "6.1", Headers: full, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "make is not installed; install make and gcc") {
		t.Error(err)
	}
}
