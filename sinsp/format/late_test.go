// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"encoding/json"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/format"
	"github.com/tiercel/tiercel/sinsp/state"
)

const (
	now         = uint64(1_700_000_000e9)
	containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// oneProcess is a host on which process 7 runs.
type oneProcess struct{ procfs.Process }

func (p *oneProcess) Scan(yield func(*procfs.Process) error) error { return yield(&p.Process) }
func (p *oneProcess) Lookup(int64) (*procfs.Process, error)        { return nil, procfs.ErrNoProcess }
func (p *oneProcess) LookupFD(int64, int64) (procfs.FD, error) {
	return procfs.FD{}, procfs.ErrNoProcess
}

// newEngine has process 7, nginx, in the given control group.
func newEngine(t testing.TB, cgroup string) *state.Engine {
	t.Helper()
	p := &oneProcess{procfs.Process{
		PID: 7, Exe: "nginx", ExePath: "/usr/sbin/nginx", Args: []string{"-g", `x "y"`}, CWD: "/", Root: "/",
		Main:    procfs.Thread{TID: 7, PID: 7, PTID: 0, SID: 7, PGID: 7, VTID: 7, VPID: 7, Comm: "nginx", StartTS: now - 1e9},
		Cgroups: []string{"cpu=" + cgroup},
	}}
	e := state.New(state.Options{Proc: p})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	return e
}

func inContainer(t testing.TB) *state.Engine { return newEngine(t, "/docker/"+containerID) }

func opened(e *state.Engine, name string) *state.Event {
	return e.Process(scaptest.Named(scap.EvOpenatV2X, now, 7, scaptest.P{"fd": 3, "dirfd": -100, "name": name, "flags": 1}))
}

func answer(e *state.Engine) {
	i := &container.Info{Type: container.Docker, FullID: containerID, Name: "web", Image: `nginx:"1"`, Privileged: container.Yes,
		Labels: container.Labels{{Key: "a", Value: "b\nc"}}}
	i.Finish()
	e.Containers().Put(i, now)
}

// TestAnAlertIsCompletedWhenTheRuntimeHasAnswered: what is rendered early and
// completed late is what would have been rendered at once had the answer been
// there, whatever happened to the event meanwhile.
func TestAnAlertIsCompletedWhenTheRuntimeHasAnswered(t *testing.T) {
	for _, text := range []string{
		"", "x", "%proc.name", "%container.name", "a %container.name b", "%container.name%container.image",
		"%fd.name by %proc.cmdline in %container.name (%container.image) %container.id %k8s.pod.name",
		"%6container.name|%2container.image|%3k8s.ns.name|", "%toupper(container.name) %len(container.labels) %toupper(proc.name)",
		"%concat(container.name, \"/\", container.image) %container.label[a] %container.privileged",
	} {
		f := compileOutput(t, fields.Default(), text)
		extra := compileOutput(t, fields.Default(), "both %container.name \"%proc.cmdline\" %container.labels.")
		newObject := func() *format.Object {
			o := format.NewObject(f)
			o.AddFormat("zz", extra)
			o.AddFormat("aa", compileOutput(t, fields.Default(), "%proc.name"))
			if err := o.AddField(fields.Default(), "image", "container.image"); err != nil {
				t.Fatal(err)
			}
			o.AddTime("evt.time")
			return o
		}
		known := inContainer(t)
		answer(known)
		wantText, _ := f.AppendText(nil, opened(known, "/etc/x"))
		wantObject := newObject().Append(nil, opened(known, "/etc/x"))

		e, o := inContainer(t), newObject()
		ev := opened(e, "/etc/x")
		early, holes := f.AppendEarly([]byte("kept "), nil, ev)
		earlyObject, objectHoles := o.AppendEarly([]byte("kept "), nil, ev)
		if f.NeedsContainer() != (len(holes) > 0) || !o.NeedsContainer() {
			t.Errorf("%q: needs the container %v, but has %d holes", text, f.NeedsContainer(), len(holes))
		}
		stub := ev.Thread.ContainerStub()
		opened(e, "/another") // the event is gone
		answer(e)
		got := f.AppendLate([]byte("before "), early[len("kept "):], holes, stub)
		if string(got) != "before "+string(wantText) {
			t.Errorf("%q\n got %q\nwant %q", text, got, "before "+string(wantText))
		}
		got = o.AppendLate(nil, earlyObject[len("kept "):], objectHoles, stub)
		if string(got) != string(wantObject) || !json.Valid(got) {
			t.Errorf("object of %q\n got %s\nwant %s", text, got, wantObject)
		}
	}
}

func TestWithoutAnAnswerTheContainerIsNotAvailable(t *testing.T) {
	f := compileOutput(t, fields.Default(), "%container.name|%container.id|%6container.image|%container.type")
	o := format.NewObject(f)
	ev := opened(inContainer(t), "/etc/x")
	early, holes := f.AppendEarly(nil, nil, ev)
	obj, objHoles := o.AppendEarly(nil, nil, ev)
	stub := ev.Thread.ContainerStub()
	if got := string(f.AppendLate(nil, early, holes, stub)); got != "<NA>|0123456789ab|<NA>  |docker" {
		t.Errorf("text %q", got)
	}
	const want = `{"container.id":"0123456789ab","container.image":null,"container.name":null,"container.type":"docker"}`
	if got := string(o.AppendLate(nil, obj, objHoles, stub)); got != want {
		t.Errorf("object %s", got)
	}
}

func TestOnTheHostNamesNeedNoAnswer(t *testing.T) {
	f := compileOutput(t, fields.Default(), "%container.name %container.image %proc.name")
	ev := opened(newEngine(t, "/init.scope"), "/etc/x")
	early, holes := f.AppendEarly(nil, nil, ev)
	if got := string(f.AppendLate(nil, early, holes, ev.Thread.ContainerStub())); got != "host <NA> nginx" {
		t.Errorf("text %q", got)
	}
}

// An optional field of the runtime leaves nothing behind when no answer comes.
func TestAnOptionalFieldOfTheContainerWaitsForItsWord(t *testing.T) {
	f := compileOutput(t, fields.Default(), "(id=%container.id name=%?container.name file=%?fd.name)")
	for _, c := range []struct {
		answered bool
		want     string
	}{{false, "(id=0123456789ab file=/etc/x)"}, {true, "(id=0123456789ab name=web file=/etc/x)"}} {
		e := inContainer(t)
		ev := opened(e, "/etc/x")
		early, holes := f.AppendEarly(nil, nil, ev)
		if c.answered {
			answer(e)
		}
		if got := string(f.AppendLate(nil, early, holes, ev.Thread.ContainerStub())); got != c.want {
			t.Errorf("answered=%v: text %q, want %q", c.answered, got, c.want)
		}
	}
}

func TestATransformerOfBothKeepsWhatItNeedsOfTheEvent(t *testing.T) {
	for text, want := range map[string]string{
		`%concat(proc.name, "@", container.name)`:                                             "nginx@web",
		`<%join(",", (proc.pid, container.name, fd.name, proc.cmdnargs))>`:                    "<7,web,/x,2>",
		`%10concat(container.name, proc.args[0])|%toupper(concat(proc.name, container.name))`: "web-g     |NGINXWEB",
		`%concat(join(",", fd.types), container.name) %len(fd.types)`:                         "fileweb 1",
		`%concat(proc.pname, container.name) %proc.name`:                                      "<NA> nginx",
		`%join("+", (container.id, container.name, proc.name)) %container.image`:              `0123456789ab+web+nginx nginx:"1"`,
	} {
		e := inContainer(t)
		f := compileOutput(t, fields.Default(), text)
		o := format.NewObject()
		o.AddFormat("who", f)
		ev := opened(e, "/x")
		early, holes := f.AppendEarly(nil, nil, ev)
		earlyObject, objectHoles := o.AppendEarly(nil, nil, ev)
		stub := ev.Thread.ContainerStub()
		opened(e, "/another")
		answer(e)
		if got := string(f.AppendLate(nil, early, holes, stub)); got != want || !f.NeedsContainer() {
			t.Errorf("%s gives %q, want %q", text, got, want)
		}
		var object map[string]string
		if err := json.Unmarshal(o.AppendLate(nil, earlyObject, objectHoles, stub), &object); err != nil || object["who"] != want {
			t.Errorf("object of %s: %q, %v", text, object, err)
		}
		// The same format still serves events that need not wait.
		if got, _ := f.AppendText(nil, opened(e, "/x")); string(got) != want {
			t.Errorf("%s at once gives %q", text, got)
		}
	}
}

// TestRenderingDoesNotAllocate: in steady state, text, object, early and late.
func TestRenderingDoesNotAllocate(t *testing.T) {
	const text = "%evt.time.iso8601 %evt.num %fd.name by %proc.cmdline (%proc.aname[1] %proc.aname) types %fd.types %evt.args " +
		"%evt.arg.flags %evt.rawarg.flags %10proc.name|%toupper(proc.name) %concat(proc.name, \"-\", fd.name) %join(\",\", (proc.name, proc.pid)) " +
		"%concat(proc.name, container.name) %join(\",\", (fd.name, container.name)) %container.id %container.name %container.image %container.labels %container.privileged %len(fd.types) %proc.fdusage %user.name " +
		"%thread.cap_effective %evt.buffer %fd.sip %proc.nosuch"
	f, err := format.CompileOutput(fields.Default(), text[:len(text)-len(" %proc.nosuch")], format.Base64Buffers)
	if err != nil {
		t.Fatal(err)
	}
	o := format.NewObject(f)
	o.AddFormat("extra", compileOutput(t, fields.Default(), "%container.name of %proc.name"))
	o.AddTime("evt.time")
	e := inContainer(t)
	answer(e)
	opened(e, "/etc/x")
	e.Process(scaptest.Named(scap.EvSocketX, now, 7, scaptest.P{"fd": 5, "domain": 2, "type": 1, "proto": 0}))
	e.Process(scaptest.Named(scap.EvConnectX, now, 7, scaptest.P{"res": 0, "fd": 5, "tuple": scaptest.Tuple("10.0.0.1:5000", "10.0.0.2:443")}))
	for _, ev := range []*state.Event{
		e.Process(scaptest.Named(scap.EvWriteX, now, 7, scaptest.P{"res": 3, "fd": 5, "size": 3, "data": []byte("a\x00\xff")})),
	} {
		stub := ev.Thread.ContainerStub()
		var dst, early []byte
		var holes []format.Hole
		for what, render := range map[string]func(){
			"text":   func() { dst, _ = f.AppendText(dst[:0], ev) },
			"object": func() { dst = o.Append(dst[:0], ev) },
			"early text": func() {
				early, holes = f.AppendEarly(early[:0], holes[:0], ev)
				dst = f.AppendLate(dst[:0], early, holes, stub)
			},
			"early object": func() {
				early, holes = o.AppendEarly(early[:0], holes[:0], ev)
				dst = o.AppendLate(dst[:0], early, holes, stub)
			},
		} {
			n := testing.AllocsPerRun(20, func() {
				ev.Arena = ev.Arena[:0]
				render()
			})
			if n != 0 {
				t.Errorf("%s: %v allocations for %s", what, n, dst)
			}
		}
	}
}

// FuzzLate: whatever the format, holes are filled where they are, and an object
// stays valid JSON.
func FuzzLate(f *testing.F) {
	for _, s := range []string{"%container.name x %3container.image", "%toupper(container.name)", "%k8s.pod.label[a]%proc.name", "%container.mount[0]", "%concat(proc.name,container.name)%join('-', (proc.pid, k8s.pod.name))"} {
		f.Add(s)
	}
	known, e := inContainer(f), inContainer(f)
	answer(known)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := format.CompileOutput(fields.Default(), text)
		if err != nil {
			return
		}
		ev, other := opened(e, "/x"), opened(known, "/x")
		early, holes := c.AppendEarly(nil, nil, ev)
		late := c.AppendLate(nil, early, holes, other.Thread.ContainerStub())
		if len(late) < len(early) {
			t.Errorf("%q: %q became %q", text, early, late)
		}
		o := format.NewObject(c)
		early, holes = o.AppendEarly(nil, nil, ev)
		if late := o.AppendLate(nil, early, holes, other.Thread.ContainerStub()); !json.Valid(late) {
			t.Errorf("%q gives %s", text, late)
		}
	})
}

// FuzzFreeze: kept values that were damaged are read without a panic.
func FuzzFreeze(f *testing.F) {
	c := compileOutput(f, fields.Default(), `%join(",", (proc.pid, container.name, fd.name))%concat(join(",", fd.types), container.name)`)
	e := inContainer(f)
	ev := opened(e, "/x")
	early, holes := c.AppendEarly(nil, nil, ev)
	f.Add(early)
	stub := ev.Thread.ContainerStub()
	answer(e)
	f.Fuzz(func(t *testing.T, damaged []byte) {
		text := append(damaged, early[min(len(damaged), len(early)):]...)
		c.AppendLate(nil, text, holes, stub)
	})
}
