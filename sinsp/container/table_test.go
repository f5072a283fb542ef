// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const second = uint64(time.Second)

// world is a table whose questions are kept.
type world struct {
	*Table
	mail  *Mailbox
	asked []Question
	full  bool
}

func newWorld(max int) *world {
	w := &world{mail: NewMailbox(0)}
	w.Table = NewTable(Options{Max: max, Mail: w.mail, Ask: func(q Question) bool {
		if !w.full {
			w.asked = append(w.asked, q)
		}
		return !w.full
	}})
	return w
}

func id(n int) string { return fmt.Sprintf("%012x%052x", n, n) }

func dockerPath(n int) []string { return []string{"cpu=/", "memory=/docker/" + id(n)} }

func info(n int) *Info {
	i := &Info{Type: Docker, FullID: id(n), Name: fmt.Sprint("box", n), IP: fmt.Sprintf("10.0.0.%d", n)}
	i.Finish()
	return i
}

func TestDetailsArriveOnce(t *testing.T) {
	w := newWorld(0)
	c := w.Resolve(dockerPath(1), 10)
	if c == nil || c.ID != id(1)[:12] || c.FullID != id(1) || c.Status() != Pending || c.Info() != nil || c.Type() != Docker {
		t.Fatalf("%+v", c)
	}
	if again := w.Resolve(dockerPath(1), 11); again != c {
		t.Fatal("one container became two")
	}
	if len(w.asked) != 1 || w.asked[0] != (Question{Type: Docker, ID: id(1), Cgroup: "/docker/" + id(1)}) {
		t.Fatalf("asked %+v", w.asked)
	}
	w.mail.Put(Update{Info: info(1)})
	if c.Status() != Pending {
		t.Fatal("details came without Poll")
	}
	w.Poll(12)
	if c.Status() != Known || c.Info().Name != "box1" || !w.HasAddr(netip.MustParseAddr("10.0.0.1")) {
		t.Fatalf("%+v", c)
	}
	w.Resolve(dockerPath(1), 100*second)
	if len(w.asked) != 1 {
		t.Fatal("asked again for what is known")
	}
	w.Remove(c)
	if w.Get(c.ID) != nil || w.HasAddr(netip.MustParseAddr("10.0.0.1")) || c.Info() == nil {
		t.Fatal("a removed container is still there, or its threads lost its details")
	}
	if next := w.Use(c, 101*second); next == c || next.FullID != c.FullID || len(w.asked) != 2 {
		t.Fatal("a container that was started again is a new one")
	}
}

func TestDetailsThatAreThereFirst(t *testing.T) {
	w := newWorld(0)
	w.mail.Put(Update{Info: info(1)})
	w.Poll(1)
	if c := w.Resolve(dockerPath(1), 2); c.Info() == nil || c.Info().Name != "box1" || len(w.asked) != 0 {
		t.Fatalf("%+v, asked %v", c, w.asked)
	}
	// Old captures tell the short id only.
	w.Take(EventName, []byte(`{"container":{"id":"`+id(2)[:12]+`","type":0,"name":"old","ip":"10.0.0.9"}}`), 3)
	c := w.Resolve(dockerPath(2), 4)
	if c.Info() == nil || c.Info().Name != "old" || !w.HasAddr(netip.MustParseAddr("10.0.0.9")) {
		t.Fatalf("%+v", c)
	}
	w.Take(EventNameRemoved, []byte(`{"container":{"id":"`+id(2)[:12]+`","type":0}}`), 5)
	if w.Get(c.ID) != nil || w.HasAddr(netip.MustParseAddr("10.0.0.9")) {
		t.Fatal("not removed")
	}
	w.Take(EventName, []byte("{"), 6)
	w.Take("another", []byte("{"), 6)
	if n := w.Stats().BadEvents; n != 1 {
		t.Fatalf("%d bad events", n)
	}
}

func TestQuestionsWithoutAnswer(t *testing.T) {
	w := newWorld(0)
	c := w.Resolve(dockerPath(1), 10)
	w.mail.Put(Update{Missing: w.asked[0]})
	w.Poll(11)
	if c.Status() != Missing || w.Stats().Missing != 1 || w.Stats().Pending != 0 {
		t.Fatalf("%v %+v", c.Status(), w.Stats())
	}
	w.Resolve(dockerPath(1), 12)
	if len(w.asked) != 1 {
		t.Fatal("asked again at once")
	}
	w.Resolve(dockerPath(1), 2*second)
	if len(w.asked) != 2 || c.Status() != Missing {
		t.Fatalf("asked %d times, %v: nothing may wait for the second answer", len(w.asked), c.Status())
	}
	for now := 2 * second; now < 60*second; now += second {
		w.Poll(now)
	}
	if s := w.Stats(); s.Unanswered == 0 || s.Pending > 1 {
		t.Fatalf("%+v", s)
	}
	n := len(w.asked)
	for now := 60 * second; now < 2000*second; now += second {
		w.Poll(now)
	}
	if len(w.asked) == n || len(w.asked) > n+40 {
		t.Fatalf("a missing one was asked for %d times in 32 minutes", len(w.asked)-n)
	}
	w.mail.Put(Update{Info: info(1)})
	w.Poll(2001 * second)
	if c.Status() != Known {
		t.Fatal("a late answer was not taken")
	}
	w.full = true
	if c := w.Resolve(dockerPath(2), 2002*second); c.Status() != Missing || w.Stats().AskRefused != 1 {
		t.Fatalf("%v: nothing waits for a question that was not taken", c.Status())
	}
}

func TestQuestionsBeforeTheFirstEvent(t *testing.T) {
	w := newWorld(0)
	c := w.Resolve(dockerPath(1), 0) // from the scan of /proc
	w.Poll(1_700_000_000 * second)
	if c.Status() != Pending {
		t.Fatalf("%v: the question was given up when time began", c.Status())
	}
}

func TestTheTableIsBounded(t *testing.T) {
	w := newWorld(4)
	first := w.Resolve(dockerPath(1), 1)
	for n := 2; n < 100; n++ {
		w.Resolve(dockerPath(n), uint64(n))
		w.Use(w.Resolve(dockerPath(1), uint64(n)), uint64(n)) // in use
	}
	s := w.Stats()
	if s.Containers != 4 || s.Evicted != 95 || s.Pending > 4 {
		t.Fatalf("%+v", s)
	}
	if w.Get(first.ID) != first {
		t.Fatal("the one in use was forgotten")
	}
	n := 0
	for range w.All() {
		n++
	}
	if n != 4 {
		t.Fatalf("%d in the list", n)
	}
}

func TestNamedContainersTellThemselves(t *testing.T) {
	w := newWorld(0)
	c := w.Resolve([]string{"/lxc/web"}, 1)
	if c.Status() != Known || c.Info().Name != "web" || c.Type() != LXC || len(w.asked) != 0 {
		t.Fatalf("%+v", c)
	}
}

func TestNamespacesThatAreConfirmed(t *testing.T) {
	w := newWorld(0)
	path := []string{"/blue/box"}
	if w.Resolve(path, 1) != nil {
		t.Fatal("a path of two parts is no container")
	}
	gen := w.Generation()
	w.mail.Put(Update{Namespaces: []string{"default", "blue"}})
	w.Poll(2)
	if w.Generation() == gen {
		t.Fatal("nobody is told that paths mean something else now")
	}
	c := w.Resolve(path, 3)
	other := w.Resolve([]string{"/default/box"}, 3)
	if c == nil || other == nil || c == other || c.ID != "box" {
		t.Fatalf("%+v %+v", c, other)
	}
	w.mail.Put(Update{Info: &Info{Type: Containerd, ID: "box", FullID: "box", Scope: "blue", Name: "the blue one"}})
	w.Poll(4)
	if c.Info() == nil || other.Info() != nil {
		t.Fatal("the details went to the wrong namespace")
	}
}

func TestContainersOfAPodShareItsNetwork(t *testing.T) {
	for _, sandboxFirst := range []bool{true, false} {
		w := newWorld(0)
		sandbox := &Info{Type: CRI, FullID: id(1), IsPodSandbox: true, IP: "10.1.1.1", PodLabels: Labels{{"app", "x"}}, CNIJSON: "{}"}
		box := &Info{Type: CRI, FullID: id(2), PodSandboxID: id(1)}
		sandbox.Finish()
		box.Finish()
		order := []*Info{sandbox, box}
		if !sandboxFirst {
			order = []*Info{box, sandbox}
		}
		for _, i := range order {
			w.Put(i, 1)
		}
		got := w.Get(id(2)[:12]).Info()
		if got.PodIP != "10.1.1.1" || got.PodCNIJSON != "{}" || len(got.PodLabels) != 1 {
			t.Errorf("sandbox first %v: %+v", sandboxFirst, got)
		}
		if box.PodIP != "" {
			t.Error("details that were handed over have changed")
		}
	}
}

func TestStaticContainer(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Engines.Static = StaticConfig{Enabled: true, ID: "fixed", Name: "n", Image: "i:1"}
	w := NewTable(cfg.TableOptions())
	c := w.Resolve(nil, 1)
	if c == nil || c.ID != "fixed" || c.Type() != Static || c.Info().ImageTag != "1" || w.Resolve(dockerPath(1), 1) != c {
		t.Fatalf("%+v", c)
	}
	w.Remove(c)
	w.Reset()
	if c := w.Resolve(nil, 2); c == nil || c.ID != "fixed" {
		t.Fatal("it went away")
	}
}

func TestListenersHearOfChanges(t *testing.T) {
	w := newWorld(0)
	var heard []string
	w.OnChange(func(c *Container, removed bool) { heard = append(heard, fmt.Sprint(c.Info().Name, removed)) })
	c := w.Put(info(1), 1)
	w.Put(info(1), 2)
	w.Remove(c)
	if got := strings.Join(heard, " "); got != "box1false box1false box1true" {
		t.Fatal(got)
	}
}

func TestMailboxIsBounded(t *testing.T) {
	m := NewMailbox(2)
	if !m.Empty() || !m.Put(Update{}) || !m.Put(Update{}) || m.Put(Update{}) || m.Empty() || m.Dropped() != 1 {
		t.Fatal("bound")
	}
	if len(m.take()) != 2 || !m.Empty() || !m.Put(Update{}) {
		t.Fatal("take")
	}
}

func TestWhatWaitsLeavesInOrder(t *testing.T) {
	w := newWorld(0)
	a, b := w.Resolve(dockerPath(1), 1), w.Resolve(dockerPath(2), 1)
	q := NewWaiting[string](time.Second, 3)
	now := time.Unix(0, 0)
	if !q.Wants(a) || q.Wants(nil) || NewWaiting[string](0, 3).Wants(a) || NewWaiting[string](time.Second, 0).Wants(a) {
		t.Fatal("who should wait")
	}
	for n, c := range []*Container{a, b, b} {
		if !q.Add(fmt.Sprint(n), c, now) {
			t.Fatal("no room")
		}
	}
	if q.Add("too many", a, now) || q.Refused != 1 {
		t.Fatal("there was room")
	}
	next := func(after time.Duration) string {
		s, _ := q.Next(now.Add(after))
		return s
	}
	w.Put(info(2), 2)
	if got := next(0); got != "" {
		t.Fatalf("%s overtook the first", got)
	}
	w.Put(info(1), 2)
	if !(next(0) == "0" && next(0) == "1" && next(0) == "2" && next(0) == "") {
		t.Fatal("order")
	}
	c := w.Resolve(dockerPath(3), 3)
	q.Add("late", c, now)
	if next(999*time.Millisecond) != "" || next(time.Second) != "late" || q.TimedOut != 1 || q.Len() != 0 {
		t.Fatal("time")
	}
	q.Add("left", c, now)
	if s, ok := q.Drop(); s != "left" || !ok {
		t.Fatal("drop")
	}
	if _, ok := q.Drop(); ok || q.Wants(w.Put(info(3), 4)) {
		t.Fatal("nothing waits for what is known")
	}
}

func TestKnownPathsAllocateNothing(t *testing.T) {
	w := newWorld(0)
	cgroups := dockerPath(1)
	c := w.Resolve(cgroups, 1)
	host := []string{"cpu=/system.slice/ssh.service"}
	w.Resolve(host, 1)
	if n := testing.AllocsPerRun(100, func() {
		w.Resolve(cgroups, 2)
		w.Resolve(host, 2)
		w.Use(c, 2)
		w.Poll(2)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkResolve(b *testing.B) {
	w := newWorld(0)
	cgroups := dockerPath(1)
	b.ReportAllocs()
	for b.Loop() {
		w.Resolve(cgroups, 1)
	}
}

func BenchmarkPollEmpty(b *testing.B) {
	w := newWorld(0)
	b.ReportAllocs()
	for b.Loop() {
		w.Poll(1)
	}
}
