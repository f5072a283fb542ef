// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/output/sink"
	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/state"
)

const containerID = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e"

// inContainer is a loop whose one process runs in a container that a runtime
// was asked about and has not answered yet.
func inContainer(t *testing.T, condition string) (*watcher, *container.Mailbox, *text) {
	r := loopRun(t)
	set, report := rules.Load([]rules.File{{Name: "r.yaml", Content: []byte("- rule: R\n  desc: d\n  condition: " + condition +
		"\n  output: name=%container.name file=%fd.name\n  priority: INFO\n")}}, rules.Options{Catalog: r.catalog()})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	r.set = set
	if err := r.compile(); err != nil {
		t.Fatal(err)
	}
	out, mail := new(text), container.NewMailbox(0)
	q := output.NewHub(output.HubOptions{}, sink.NewStdout(out))
	t.Cleanup(func() { q.Close(nil, time.Second) })
	w := &watcher{matcher: r.matcher, maker: r.maker, alerts: q, log: r.log.Logger}
	w.engine = state.New(state.Options{Containers: container.NewTable(container.Options{
		Ask: func(container.Question) bool { return true }, Mail: mail,
	})})
	w.held = container.NewWaiting[early](time.Minute, 10)
	exec := scaptest.Named(scap.EvExecveV19X, ts-1000, 100, scaptest.P{
		"res": 0, "exe": "/bin/cat", "tid": 100, "pid": 100, "ptid": 1, "comm": "cat", "cwd": "/",
		"cgroups": []string{"cpuset=/docker/" + containerID},
	})
	w.batch.Events = []scap.Event{*exec, *openFile(100, "/etc/a")}
	if err := w.handle(); err != nil {
		t.Fatal(err)
	}
	return w, mail, out
}

func (t *text) await(tb testing.TB, want string) {
	tb.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(t.String(), want); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("no %q in %q", want, t)
		}
	}
}

func TestAnAlertWaitsForItsContainer(t *testing.T) {
	w, mail, out := inContainer(t, "evt.type = openat")
	w.releaseHeld()
	if w.held.Len() != 1 || out.String() != "" {
		t.Fatalf("%d alerts wait, output %q", w.held.Len(), out)
	}
	if w.patience() == readWait {
		t.Error("the loop sleeps while an alert waits")
	}
	info := &container.Info{Type: container.Docker, ID: containerID[:12], FullID: containerID, Name: "late"}
	info.Finish()
	mail.Put(container.Update{Info: info})
	w.engine.PollContainers()
	w.releaseHeld()
	out.await(t, "name=late file=/etc/a\n")
}

func TestAnAlertGoesOutWithoutItsContainerAtTheEnd(t *testing.T) {
	w, _, out := inContainer(t, "evt.type = openat")
	w.dropHeld()
	out.await(t, "name=<NA> file=/etc/a\n")
}
