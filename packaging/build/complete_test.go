// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// completionFiles are what shells load, as they are packed.
func completionFiles(t *testing.T) string {
	t.Helper()
	s := &stage{options: &options{}, dir: t.TempDir()}
	if err := s.completions(t.Context()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(s.dir, "completions")
}

func TestShellsReadTheirCompletions(t *testing.T) {
	dir := completionFiles(t)
	for _, c := range [][]string{{"bash", "-n", "tiercel.bash"}, {"zsh", "-n", "_tiercel"}, {"fish", "-n", "tiercel.fish"}} {
		t.Run(c[0], func(t *testing.T) {
			if _, err := exec.LookPath(c[0]); err != nil {
				t.Skipf("needs %s", c[0])
			}
			if out, err := exec.Command(c[0], c[1], filepath.Join(dir, c[2])).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// The words come from the agent; here they come from a program that stands in for it.
func TestBashOffersWhatTheAgentSays(t *testing.T) {
	dir := completionFiles(t)
	agent := "#!/bin/sh\n[ \"$*\" = '__complete driver se' ] && printf 'set\\tchoose the driver\\nstatus\\n:4\\n'\n"
	if err := os.WriteFile(filepath.Join(dir, "tiercel"), []byte(agent), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("bash", "--norc", "-c", `. "$1/tiercel.bash"
		COMP_WORDS=(tiercel driver se) COMP_CWORD=2 COMP_LINE="tiercel driver se" COMP_POINT=17 COMP_TYPE=9 COMP_KEY=9
		compopt() { :; }
		_get_comp_words_by_ref() { cur=se prev=driver words=(tiercel driver se) cword=2; }
		__start_tiercel; printf '%s|' "${COMPREPLY[@]}"`, "sh", dir)
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := c.Output()
	if err != nil || strings.TrimSpace(string(out)) != "set|" {
		t.Errorf("bash offers %q, %v", out, err)
	}
}
