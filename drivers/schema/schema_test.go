// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func load(t testing.TB) *Schema {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExitCodeFollowsEnterCode(t *testing.T) {
	for i, h := range load(t).Events {
		if h.Code != i {
			t.Errorf("%s has code %d at index %d", h.Enum, h.Code, i)
		}
		if want := "_E"; i%2 == 0 && !strings.HasSuffix(h.Enum, want) {
			t.Errorf("even code %d is %s", i, h.Enum)
		}
		if want := "_X"; i%2 == 1 && !strings.HasSuffix(h.Enum, want) {
			t.Errorf("odd code %d is %s", i, h.Enum)
		}
	}
}

func TestCallsAreFoundByCodeAndName(t *testing.T) {
	s := load(t)
	for i, c := range s.Calls {
		if c.Code != i {
			t.Errorf("%s has code %d at index %d", c.Name, c.Code, i)
		}
		if c.Kind != KindReserved && s.Call(c.Name) != c {
			t.Errorf("%s is not found by its name", c.Name)
		}
	}
}

func TestEveryLiveParameterHasASource(t *testing.T) {
	for _, h := range load(t).Events {
		if !h.HasFiller() {
			continue
		}
		for _, p := range h.Params {
			if p.From.Kind == SourceNone {
				t.Errorf("%s: %s.%s has no source", p.Pos, h.Enum, p.Name)
			}
			if p.From.Kind == SourceText && h.Filler == FillerSimple {
				t.Errorf("%s: %s.%s has a source that the generator cannot read", p.Pos, h.Enum, p.Name)
			}
		}
	}
}

// Calls of the first release must never come as the generic event.
func TestCallsThatRulesNeedHaveFillers(t *testing.T) {
	s := load(t)
	for _, name := range strings.Fields(`execve execveat clone clone3 fork vfork open openat openat2 creat close
		dup dup2 dup3 socket connect bind accept accept4 listen socketpair chdir fchdir
		setuid setgid setreuid setregid setresuid setresgid setsid setpgid
		rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat link linkat symlink symlinkat
		mount umount2 ptrace pipe pipe2 chmod fchmod fchmodat chown lchown fchown fchownat
		mprotect kill setns unshare io_uring_setup bpf memfd_create pidfd_open init_module finit_module
		read write sendto recvfrom sendmsg recvmsg getsockopt`) {
		c := s.Call(name)
		if c == nil {
			t.Errorf("no call %s", name)
			continue
		}
		if h := c.Exit(); h == nil || !h.HasFiller() {
			t.Errorf("%s has no filler", name)
		}
	}
	if h := s.Call("sched_process_exit").Exit(); h.Enum != "PPME_PROCEXIT_1_E" || !h.HasFiller() {
		t.Errorf("process exit makes %s, filler %q", h.Enum, h.Filler)
	}
}

func TestRelativePathsKnowTheirDirectory(t *testing.T) {
	for _, h := range load(t).Events {
		for _, p := range h.Params {
			if (p.Type.Name == "fsrelpath") != (p.DirFD >= 0) {
				t.Errorf("%s: %s.%s: type %s, dirfd %d", p.Pos, h.Enum, p.Name, p.Type.Name, p.DirFD)
			}
			if (p.Type.Name == "dyn") != (p.Dyn != nil) {
				t.Errorf("%s: %s.%s: a dyn parameter needs its table", p.Pos, h.Enum, p.Name)
			}
		}
	}
}

// The functions that the data names must exist in the hand-written C.
func TestSourcesNameExistingFunctions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "probe", "*.h"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no headers in ../probe (%v)", err)
	}
	var text strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	defined := func(name string) bool {
		return regexp.MustCompile(`TCL_INLINE \w+ ` + name + `\(`).MatchString(text.String())
	}
	s := load(t)
	generated := map[string]bool{"s32": true, "u32": true}
	for _, c := range s.Conversions {
		generated[c.Name] = true
	}
	for _, h := range s.Events {
		if !h.HasFiller() {
			continue
		}
		if h.Filler == FillerHand {
			name := "tcl_fill_" + h.Ident()
			if h.Parts > 1 {
				name += "_1"
			}
			if !defined(name) {
				t.Errorf("%s: %s is not there", h.Pos, name)
			}
		}
		for _, p := range h.Params {
			switch from := p.From; {
			case from.Kind == SourcePut && !defined("tcl_p_"+from.Name):
				t.Errorf("%s: put %s: tcl_p_%[2]s is not there", p.Pos, from.Name)
			case from.Kind == SourceConv && !generated[from.Name] && !defined("tcl_conv_"+from.Name):
				t.Errorf("%s: as %s: tcl_conv_%[2]s is not there", p.Pos, from.Name)
			}
		}
	}
}

func TestStateSyscallsAreNeverSampledAway(t *testing.T) {
	s := load(t)
	for _, name := range []string{"execve", "clone", "open", "close", "prlimit64", "setrlimit", "sched_process_exit"} {
		if got := s.Call(name).Sampling; got != "never" {
			t.Errorf("sampling of %s is %q", name, got)
		}
	}
	for _, name := range []string{"getpid", "futex", "sched_switch"} {
		if got := s.Call(name).Sampling; got != "always" {
			t.Errorf("sampling of %s is %q", name, got)
		}
	}
}

func TestGenericEventCarriesEveryCallWithoutItsOwn(t *testing.T) {
	s := load(t)
	generic := s.Events[1]
	for _, c := range s.Calls {
		want := c.Kind == KindSyscall && c.Event == nil
		if got := slices.Contains(generic.Event.Calls, c); got != want {
			t.Errorf("%s in the generic event: %t, want %t", c.Name, got, want)
		}
	}
}
