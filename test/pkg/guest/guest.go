// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// step is one thing that is tried.
type step struct {
	name string
	do   func(*guest) error
}

// stories are what a machine can live, by name.
var stories = map[string][]step{"life": life, "trouble": trouble, "locked": locked}

// guest is the machine as a story sees it.
type guest struct {
	story string

	mu      sync.Mutex
	journal []string // its lines since the story began; guarded by mu
	more    chan struct{}

	// What steps leave to later ones.
	before *inventory
}

func newGuest() *guest {
	g := &guest{more: make(chan struct{}, 1)}
	line, _ := os.ReadFile("/proc/cmdline")
	for _, word := range strings.Fields(string(line)) {
		if v, ok := strings.CutPrefix(word, "PKGTEST="); ok {
			g.story = v
		}
	}
	os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
	os.Setenv("DEBIAN_FRONTEND", "noninteractive")
	os.Setenv("LC_ALL", "C.UTF-8")
	cmd := exec.Command("journalctl", "-f", "-n", "0", "-o", "short-monotonic", "--no-hostname")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Println("@@FAIL journal:", err)
		return g
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			g.mu.Lock()
			g.journal = append(g.journal, s.Text())
			g.mu.Unlock()
			select {
			case g.more <- struct{}{}:
			default:
			}
		}
	}()
	return g
}

// step takes a step and tells how it went.
func (g *guest) step(s step) {
	at := g.mark()
	began := time.Now()
	err := s.do(g)
	took := time.Since(began).Round(100 * time.Millisecond)
	if err == nil {
		fmt.Printf("@@OK %s (%v)\n", s.name, took)
		return
	}
	fmt.Printf("@@FAIL %s (%v): %s\n", s.name, took, strings.ReplaceAll(err.Error(), "\n", " | "))
	for _, line := range g.since(at) {
		fmt.Println("   journal:", line)
	}
}

func note(format string, args ...any) { fmt.Printf("@@NOTE "+format+"\n", args...) }

// mark is a place in the journal.
func (g *guest) mark() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.journal)
}

func (g *guest) since(mark int) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.journal[mark:]...)
}

// await waits for a line of the journal that holds all the words.
func (g *guest) await(mark int, limit time.Duration, words ...string) (string, error) {
	timeout := time.After(limit)
	for {
		if line := find(g.since(mark), words...); line != "" {
			return line, nil
		}
		select {
		case <-g.more:
		case <-timeout:
			return "", fmt.Errorf("the journal has no line with %q after %v", words, limit)
		}
	}
}

// flushed waits until the journal shows what has been written to it so far.
func (g *guest) flushed() {
	at, token := g.mark(), fmt.Sprintf("flushed-%d", time.Now().UnixNano())
	_, _ = run("echo " + token + " | systemd-cat -t pkgtest")
	_, _ = g.await(at, 10*time.Second, token)
}

func find(lines []string, words ...string) string {
	for _, line := range lines {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return line
		}
	}
	return ""
}

func count(lines []string, words ...string) int {
	n := 0
	for _, line := range lines {
		if find([]string{line}, words...) != "" {
			n++
		}
	}
	return n
}

// commandTime bounds one command.
const commandTime = 5 * time.Minute

// run runs a line of shell; its error holds what was said.
func run(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", line).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s: %w: %s", line, err, text)
	}
	return text, nil
}

// all runs lines until one fails.
func all(lines ...string) error {
	for _, l := range lines {
		if _, err := run(l); err != nil {
			return err
		}
	}
	return nil
}

// show is a property of a unit.
func show(unit, property string) string {
	out, _ := run("systemctl show -P " + property + " " + unit)
	return out
}

// is checks what properties of a unit are.
func is(unit string, want map[string]string) error {
	var errs []error
	for property, value := range want {
		if got := show(unit, property); got != value {
			errs = append(errs, fmt.Errorf("%s of %s is %q, not %q", property, unit, got, value))
		}
	}
	return errors.Join(errs...)
}

// until waits for something to become so.
func until(limit time.Duration, what string, so func() bool) error {
	for end := time.Now().Add(limit); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not so after %v", what, limit)
		}
	}
	return nil
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// want fails unless a text holds all the words.
func want(text string, words ...string) error {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return fmt.Errorf("no %q in: %s", w, text)
		}
	}
	return nil
}
