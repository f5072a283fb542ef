// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func yaml(path string) bool { return strings.HasSuffix(path, ".yaml") }

// mount lays out files as Kubernetes mounts a config map.
func mount(t *testing.T, dir, age string) {
	t.Helper()
	must(t, os.Mkdir(filepath.Join(dir, age), 0o755))
	write(t, filepath.Join(dir, age, "rules.yaml"), age)
	must(t, os.Symlink(age, filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

// A change is told of whichever way it is made, by inotify and by polling.
var changes = []struct {
	name   string
	setup  func(t *testing.T, dir string)
	paths  func(dir string) Paths
	change func(t *testing.T, dir string)
}{
	{"a file is written in place", nil, file, func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules.yaml"), "longer than before") }},
	{"an editor renames its copy over the file", nil, file, func(t *testing.T, dir string) {
		write(t, filepath.Join(dir, "new"), "new")
		must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "rules.yaml")))
	}},
	{"an editor moves the file away and writes another", nil, file, func(t *testing.T, dir string) {
		must(t, os.Rename(filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "rules.yaml~")))
		write(t, filepath.Join(dir, "rules.yaml"), "new")
	}},
	{"a file is removed", nil, file, func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "rules.yaml"))) }},
	{"a file that was not there comes", nil,
		func(dir string) Paths { return Paths{Files: []string{filepath.Join(dir, "late.yaml")}} },
		func(t *testing.T, dir string) { write(t, filepath.Join(dir, "late.yaml"), "x") }},
	{"a file comes in a folder that was not there", nil,
		func(dir string) Paths { return Paths{Files: []string{filepath.Join(dir, "sub", "late.yaml")}} },
		func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o755))
			write(t, filepath.Join(dir, "tmp", "late.yaml"), "x")
			must(t, os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "sub")))
		}},
	{"Kubernetes swaps the link behind a mounted file", k8s,
		func(dir string) Paths { return Paths{Files: []string{filepath.Join(dir, "mnt", "rules.yaml")}} },
		func(t *testing.T, dir string) { mount(t, filepath.Join(dir, "mnt"), "..2") }},
	{"Kubernetes swaps the link behind a mounted folder", k8s,
		func(dir string) Paths { return Paths{Folders: []string{filepath.Join(dir, "mnt")}, Wants: yaml} },
		func(t *testing.T, dir string) { mount(t, filepath.Join(dir, "mnt"), "..2") }},
	{"a link to a folder leads elsewhere", func(t *testing.T, dir string) {
		for _, d := range []string{"a", "b"} {
			must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
			write(t, filepath.Join(dir, d, "r.yaml"), d)
		}
		must(t, os.Symlink("a", filepath.Join(dir, "link")))
	}, func(dir string) Paths { return Paths{Files: []string{filepath.Join(dir, "link", "r.yaml")}} },
		func(t *testing.T, dir string) {
			must(t, os.Symlink("b", filepath.Join(dir, "l2")))
			must(t, os.Rename(filepath.Join(dir, "l2"), filepath.Join(dir, "link")))
		}},
	{"a folder gets a file", nil, folder, func(t *testing.T, dir string) { write(t, filepath.Join(dir, "more.yaml"), "x") }},
	{"a folder loses a file", nil, folder, func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "rules.yaml"))) }},
	{"a file in a folder is written", nil, folder, func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules.yaml"), "another one") }},
}

func file(dir string) Paths { return Paths{Files: []string{filepath.Join(dir, "rules.yaml")}} }

func folder(dir string) Paths { return Paths{Folders: []string{dir}, Wants: yaml} }

func k8s(t *testing.T, dir string) {
	must(t, os.Mkdir(filepath.Join(dir, "mnt"), 0o755))
	mount(t, filepath.Join(dir, "mnt"), "..1")
	must(t, os.Symlink("..data/rules.yaml", filepath.Join(dir, "mnt", "rules.yaml")))
}

// exhausted is inotify on a host that has no more of it.
func exhausted() (*fsnotify.Watcher, error) {
	return nil, &os.SyscallError{Syscall: "inotify_init1", Err: syscall.EMFILE}
}

func await(t *testing.T, w *Watcher) {
	t.Helper()
	select {
	case <-w.Changed():
	case <-time.After(time.Minute):
		t.Fatal("the change is not told of")
	}
}

func TestChangesAreToldOf(t *testing.T) {
	for _, o := range []struct {
		name string
		Options
	}{
		{"inotify", Options{Debounce: 5 * time.Millisecond, Poll: time.Hour}},
		{"polling", Options{Debounce: 5 * time.Millisecond, Poll: 5 * time.Millisecond, Notify: exhausted}},
	} {
		t.Run(o.name, func(t *testing.T) {
			for _, c := range changes {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					write(t, filepath.Join(dir, "rules.yaml"), "old")
					if c.setup != nil {
						c.setup(t, dir)
					}
					w := New(o.Options)
					defer w.Close()
					if !w.Set(c.paths(dir)) || w.Set(c.paths(dir)) {
						t.Error("Set does not tell new paths from the same ones")
					}
					if polling := w.Polling() != nil; polling != (o.name == "polling") {
						t.Errorf("Polling() is %v", w.Polling())
					}
					c.change(t, dir)
					await(t, w)
					// The watch goes on, on what is there now.
					write(t, filepath.Join(dir, "again.yaml"), "x")
					w.Set(Paths{Files: []string{filepath.Join(dir, "again.yaml")}})
					write(t, filepath.Join(dir, "again.yaml"), "different")
					await(t, w)
				})
			}
		})
	}
}

func TestTheSecondSwapIsToldOfToo(t *testing.T) {
	dir := t.TempDir()
	k8s(t, dir)
	w := New(Options{Debounce: 5 * time.Millisecond, Poll: time.Hour})
	defer w.Close()
	w.Set(Paths{Files: []string{filepath.Join(dir, "mnt", "rules.yaml")}})
	for _, age := range []string{"..2", "..3", "..4"} {
		mount(t, filepath.Join(dir, "mnt"), age)
		await(t, w)
	}
	write(t, filepath.Join(dir, "mnt", "..4", "rules.yaml"), "in place, behind two links")
	await(t, w)
}

func TestManyChangesAreOne(t *testing.T) {
	for end := time.Now().Add(time.Minute); !manyChanges(t); {
		if time.Now().After(end) {
			t.Fatal("this machine never makes twenty writes without a pause")
		}
	}
}

// manyChanges reports whether the changes came without a pause between them.
func manyChanges(t *testing.T) bool {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	write(t, path, "0")
	w := New(Options{Debounce: 250 * time.Millisecond, Poll: time.Hour})
	defer w.Close()
	w.Set(file(dir))
	start := time.Now()
	var last time.Time
	for range 20 {
		last = time.Now()
		write(t, path, "1")
	}
	if time.Since(start) > 200*time.Millisecond {
		return false
	}
	await(t, w)
	if d := time.Since(last); d < 200*time.Millisecond {
		t.Errorf("told after %v, without waiting for quiet", d)
	}
	select {
	case <-w.Changed():
		t.Error("told twice")
	default:
	}
	if w.Dirty() {
		t.Error("dirty without a change")
	}
	return true
}

func TestDirtyTellsOfAChangeThatIsHeldBack(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yaml"), "0")
	w := New(Options{Debounce: time.Hour, Poll: time.Hour})
	defer w.Close()
	w.Set(file(dir))
	write(t, filepath.Join(dir, "rules.yaml"), "1")
	for end := time.Now().Add(time.Minute); !w.Dirty(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("not dirty")
		}
	}
}

func TestATriggerIsAChange(t *testing.T) {
	w := New(Options{Debounce: time.Millisecond})
	defer w.Close()
	w.Trigger()
	w.Trigger()
	await(t, w)
}

func TestOnlyWhatThePathsLeadThroughMatters(t *testing.T) {
	dir := t.TempDir()
	k8s(t, dir)
	write(t, filepath.Join(dir, "main.yaml"), "x")
	w := New(Options{Debounce: time.Hour, Poll: time.Hour})
	w.Set(Paths{Files: []string{filepath.Join(dir, "main.yaml")}, Folders: []string{filepath.Join(dir, "mnt")}, Wants: yaml})
	w.Close() // its goroutine has ended: what it owned may be read
	for name, want := range map[string]bool{
		"main.yaml": true, "main.yaml.swp": false, "other.yaml": false, "mnt": true, "mnt/..data": true, "mnt/..1/rules.yaml": true,
		"mnt/new.yaml": true, "mnt/.new.yaml.swp": false, "mnt/4913": false, "mnt/rules.yaml": true,
	} {
		e := fsnotify.Event{Name: filepath.Join(dir, name), Op: fsnotify.Create}
		if w.matters(e) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
		e.Op = fsnotify.Chmod
		if w.matters(e) {
			t.Errorf("%s: a change of mode matters", name)
		}
	}
}

func TestLinksInACircleEnd(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("b", filepath.Join(dir, "a")))
	must(t, os.Symlink("a", filepath.Join(dir, "b")))
	if n := len(route(filepath.Join(dir, "a", "x"))); n == 0 || n > maxLinks+10 {
		t.Errorf("%d steps", n)
	}
}

func TestInotifyWithoutRoomFallsBackToPolling(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yaml"), "0")
	w := New(Options{Debounce: time.Millisecond, Poll: time.Millisecond, Notify: func() (*fsnotify.Watcher, error) {
		n, err := fsnotify.NewWatcher()
		if err == nil {
			n.Close() // each Add fails from now on
		}
		return n, err
	}})
	defer w.Close()
	w.Set(file(dir))
	if w.Polling() == nil {
		t.Error("no reason for polling")
	}
	write(t, filepath.Join(dir, "rules.yaml"), "longer")
	await(t, w)
}

func TestNothingOutlivesClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		w := New(Options{})
		w.Set(Paths{Files: []string{filepath.Join(t.TempDir(), "x")}})
		w.Close()
		if w.Set(Paths{Files: []string{"/y"}}) {
			t.Error("Set after Close has an effect")
		}
	}
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}
