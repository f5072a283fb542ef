// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiercel/tiercel/sinsp/container"
)

// fake is a runtime whose answers are given.
type fake struct {
	mu      sync.Mutex
	boxes   map[string]string // id to name; guarded by mu
	err     error             // of every request; guarded by mu
	asked   []string          // guarded by mu
	lie     bool              // answers about another container
	silent  bool              // tells no events
	events  chan container.Event
	unknown int // how often a container is not known yet; guarded by mu
}

func newFake(boxes ...string) *fake {
	f := &fake{boxes: make(map[string]string), events: make(chan container.Event, 16)}
	for _, id := range boxes {
		f.boxes[id] = "name of " + id
	}
	return f
}

func (f *fake) Inspect(_ context.Context, q container.Question) (*container.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q.ID)
	name, ok := f.boxes[q.ID]
	switch {
	case f.err != nil:
		return nil, f.err
	case f.lie:
		return &container.Info{ID: "other", FullID: "other"}, nil
	case !ok || f.unknown > 0:
		f.unknown--
		return nil, container.ErrUnknown
	}
	i := &container.Info{Type: container.Docker, FullID: q.ID, Name: name}
	i.Finish()
	return i, nil
}

func (f *fake) List(_ context.Context, yield func(container.Question)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.boxes {
		yield(container.Question{Type: container.Docker, ID: id})
	}
	return f.err
}

func (f *fake) Watch(ctx context.Context, yield func(container.Event)) error {
	if f.silent {
		return container.ErrNoEvents
	}
	for {
		select {
		case e := <-f.events:
			yield(e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Close() error { return nil }

func (f *fake) times(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, a := range f.asked {
		if a == id {
			n++
		}
	}
	return n
}

// world is a set of runtimes with a table that takes their answers.
type world struct {
	t     *testing.T
	root  string
	cfg   container.Config
	rt    *Runtimes
	table *container.Table
	fakes map[string]*fake // by path below the root
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "rt") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	w := &world{t: t, root: root, cfg: container.DefaultConfig(), fakes: make(map[string]*fake)}
	w.cfg.Timeout = time.Minute // answers are waited for, however busy the machine is
	return w
}

// listen makes a socket; serve gets each connection, nil leaves them alone.
func (w *world) listen(path string, serve func(net.Conn)) {
	w.t.Helper()
	full := filepath.Join(w.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("unix", full)
	if err != nil {
		w.t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				if serve != nil {
					serve(c)
				}
				_, _ = c.Read(make([]byte, 1<<16)) // until the other side is done or says more
				_, _ = c.Read(make([]byte, 1<<16))
			})
		}
	})
	w.t.Cleanup(func() { l.Close(); conns.Wait() })
}

// at puts a fake behind a socket.
func (w *world) at(path string, f *fake) {
	w.listen(path, nil)
	w.fakes[filepath.Join(w.root, path)] = f
}

func (w *world) start() {
	w.t.Helper()
	mail := container.NewMailbox(0)
	w.rt = New(w.cfg, w.root, mail)
	if len(w.fakes) > 0 {
		w.rt.open = func(p place, cfg *container.Config) (*socket, error) {
			f := w.fakes[p.path]
			if f == nil {
				return open(p, cfg)
			}
			return &socket{place: p, client: f}, nil
		}
	}
	o := w.cfg.TableOptions()
	o.Ask, o.Mail = w.rt.Ask, mail
	w.table = container.NewTable(o)
	before := runtime.NumGoroutine()
	w.rt.Start()
	w.t.Cleanup(func() {
		w.rt.Close()
		if !eventually(func() bool { return runtime.NumGoroutine() <= before+20 }) {
			w.t.Errorf("%d goroutines are left of %d", runtime.NumGoroutine(), before)
		}
	})
}

func eventually(ok func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}

// settled waits until c is no longer pending.
func (w *world) settled(c *container.Container) container.Status {
	w.t.Helper()
	if !eventually(func() bool { w.table.Poll(1); return c.Status() != container.Pending }) {
		w.t.Fatal("no answer")
	}
	return c.Status()
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	if !eventually(func() bool { w.table.Poll(1); return ok() }) {
		w.t.Fatal(what)
	}
}

func long(c string) string { return strings.Repeat(c, 64) }

func dockerBox(c string) []string { return []string{"/docker/" + long(c)} }

func TestWhatExistsIsKnownBeforeItIsAskedFor(t *testing.T) {
	w := newWorld(t)
	f := newFake(long("a"), long("b"))
	w.at("/var/run/docker.sock", f)
	w.start()
	w.until("the listing did not come", func() bool { return w.table.Stats().Containers == 2 })
	if c := w.table.Resolve(dockerBox("a"), 1); c.Status() != container.Known || c.Info().Name != "name of "+long("a") {
		t.Fatalf("%v %+v", c.Status(), c.Info())
	}
}

func TestEventsTellOfNewContainers(t *testing.T) {
	w := newWorld(t)
	w.cfg.Hooks = []string{container.HookCreate, container.HookRemove}
	f := newFake()
	w.at("/var/run/docker.sock", f)
	w.start()
	f.mu.Lock()
	f.boxes[long("c")] = "new"
	f.mu.Unlock()
	q := container.Question{Type: container.Docker, ID: long("c")}
	f.events <- container.Event{Hook: container.HookCreate, Question: q}
	w.until("the new one is not known", func() bool { c := w.table.Get("cccccccccccc"); return c != nil && c.Info().Name == "new" })
	f.events <- container.Event{Hook: container.HookRemove, Question: q}
	w.until("the removed one is still there", func() bool { return w.table.Get("cccccccccccc") == nil })
}

func TestOneThatIsAskedForTooEarly(t *testing.T) {
	w := newWorld(t)
	f := newFake()
	f.silent = true
	w.at("/var/run/docker.sock", f)
	w.start()
	f.mu.Lock()
	f.boxes[long("d")] = "slow"
	f.unknown = 2
	f.mu.Unlock()
	if s := w.settled(w.table.Resolve(dockerBox("d"), 1)); s != container.Known {
		t.Fatal(s)
	}
}

func TestNobodyKnowsIt(t *testing.T) {
	w := newWorld(t)
	f := newFake()
	w.at("/var/run/docker.sock", f)
	w.start()
	c := w.table.Resolve(dockerBox("e"), 1)
	if s := w.settled(c); s != container.Missing || f.times(long("e")) != 1+len(retries) {
		t.Fatalf("%v after %d questions", s, f.times(long("e")))
	}
	// For a while it is not asked for again.
	w.rt.Ask(container.Question{Type: container.Docker, ID: long("e"), Cgroup: "/docker/" + long("e")})
	w.until("no answer", func() bool { return w.rt.Stats().Unknown == 2 })
	if n := f.times(long("e")); n != 1+len(retries) {
		t.Fatalf("asked %d times", n)
	}
}

func TestWithoutRuntimesNothingWaits(t *testing.T) {
	w := newWorld(t)
	w.start()
	if s := w.settled(w.table.Resolve(dockerBox("a"), 1)); s != container.Missing {
		t.Fatal(s)
	}
}

func TestTheLikelyRuntimeIsAskedFirst(t *testing.T) {
	w := newWorld(t)
	docker, cri := newFake(), newFake(long("a"))
	docker.silent, cri.silent = true, true
	w.at("/var/run/docker.sock", docker)
	w.at("/run/crio/crio.sock", cri)
	w.start()
	w.until("the listing did not come", func() bool { return w.table.Stats().Containers == 1 })
	w.table.Reset()
	docker.mu.Lock()
	docker.boxes[long("b")] = "docker's"
	docker.mu.Unlock()
	for _, c := range []string{"a", "b"} {
		if s := w.settled(w.table.Resolve(dockerBox(c), 1)); s != container.Known {
			t.Fatalf("%s: %v", c, s)
		}
	}
	if cri.times(long("b")) != 0 || docker.times(long("a")) == 0 {
		t.Fatal("order")
	}
}

func TestAnAnswerAboutAnotherContainerIsNoAnswer(t *testing.T) {
	w := newWorld(t)
	f := newFake(long("a"))
	f.lie = true
	w.at("/var/run/docker.sock", f)
	w.start()
	if s := w.settled(w.table.Resolve(dockerBox("a"), 1)); s != container.Missing || w.table.Get("other") != nil {
		t.Fatal(s)
	}
}

func TestAUsersRuntimeTellsOfThatUserOnly(t *testing.T) {
	w := newWorld(t)
	f := newFake(long("a"), long("b"), long("c"))
	w.at("/run/user/1000/podman/podman.sock", f)
	w.start()
	own := w.table.Resolve([]string{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + long("a") + ".scope"}, 1)
	other := w.table.Resolve([]string{"/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-" + long("b") + ".scope"}, 1)
	roots := w.table.Resolve([]string{"/machine.slice/libpod-" + long("c") + ".scope"}, 1)
	if s := w.settled(own); s != container.Known {
		t.Errorf("its own: %v", s)
	}
	if s := w.settled(other); s != container.Missing {
		t.Errorf("another user's: %v", s)
	}
	if s := w.settled(roots); s != container.Missing {
		t.Errorf("root's: %v", s)
	}
	if w.table.Stats().Containers != 3 {
		t.Error("its listing was believed")
	}
}

func TestADeadRuntimeIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	f := newFake()
	f.err = errors.New("broken")
	w.at("/var/run/docker.sock", f)
	w.start()
	for n := range 30 {
		w.settled(w.table.Resolve([]string{fmt.Sprintf("/docker/%064x", n)}, 1))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) > 3 {
		t.Fatalf("asked %d times although it fails", len(f.asked))
	}
	if s := w.rt.Stats(); s.Sockets != 1 || s.Failing != 1 || s.Failed == 0 {
		t.Fatalf("%+v", s)
	}
}

// Runtimes, or what took their place, that do not play by the rules. All of
// them leave the agent with a container whose details are missing, soon.
var bad = map[string]func(net.Conn){
	"accepts and says nothing": func(net.Conn) {},
	"closes at once":           func(c net.Conn) { c.Close() },
	"talks garbage": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte(strings.Repeat("\x00\xff garbage \r\n", 100)))
	},
	"answers without end": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Type: application/json\r\n\r\n[{\"Id\":\"")); err != nil {
			return
		}
		for chunk := []byte(strings.Repeat("x", 1<<16)); ; {
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	},
	"answers with JSON of another shape": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"Id\":[1,2],\"Name\":{}}"))
	},
}

func TestRuntimesThatDoNotPlayByTheRules(t *testing.T) {
	for name, serve := range bad {
		for _, path := range []string{"/var/run/docker.sock", "/run/containerd/containerd.sock"} {
			t.Run(name+" at "+filepath.Base(path), func(t *testing.T) {
				w := newWorld(t)
				w.cfg.Timeout = 200 * time.Millisecond
				w.listen(path, serve)
				w.start()
				cgroup := dockerBox("a")
				if strings.Contains(path, "containerd") {
					cgroup = []string{"/kubepods/pod1/" + long("a")}
				}
				start := time.Now()
				if s := w.settled(w.table.Resolve(cgroup, 1)); s != container.Missing {
					t.Fatal(s)
				}
				if d := time.Since(start); d > time.Minute {
					t.Fatalf("after %v", d)
				}
			})
		}
	}
}

func TestQuestionsNeverBlock(t *testing.T) {
	cfg := container.DefaultConfig()
	cfg.Queue = 4
	rt := New(cfg, t.TempDir(), container.NewMailbox(0)) // nobody works
	taken := 0
	for n := range 10 {
		if rt.Ask(container.Question{ID: fmt.Sprint(n)}) {
			taken++
		}
	}
	if s := rt.Stats(); taken != 4 || s.Asked != 4 || s.Dropped != 6 {
		t.Fatalf("taken %d, %+v", taken, s)
	}
	rt.Close()
}

func TestPlaces(t *testing.T) {
	w := newWorld(t)
	for _, p := range []string{"/var/run/docker.sock", "/run/user/7/podman/podman.sock", "/opt/mine.sock"} {
		w.listen(p, nil)
	}
	if err := os.WriteFile(filepath.Join(w.root, "run/podman.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list := func() string {
		var l []string
		for _, p := range places(&w.cfg, w.root) {
			l = append(l, fmt.Sprint(p.kind, " ", strings.TrimPrefix(p.path, w.root), " ", p.uid))
		}
		return strings.Join(l, ", ")
	}
	if got := list(); got != "docker /var/run/docker.sock 0, podman /run/user/7/podman/podman.sock 7" {
		t.Error(got)
	}
	w.cfg.Engines.Docker.Enabled = false
	w.cfg.Engines.Podman.Sockets = []string{"/run/podman.sock"} // no socket
	w.cfg.Engines.CRI.Sockets = []string{"/opt/mine.sock", "/opt/mine.sock", "/gone.sock"}
	if got := list(); got != "cri /opt/mine.sock 0" {
		t.Error(got)
	}
}
