// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var sample = Alert{
	TimeNS: 1700000000_012345678, Priority: "Warning", Rule: "Read secrets", Source: "syscall",
	Tags: []string{"a", "b"}, Message: []byte("file=/tmp/x\ny \"q\" \xff"), Fields: []byte(`{"evt.num":1}`),
}

func TestForms(t *testing.T) {
	saved := time.Local
	time.Local = time.FixedZone("X", 2*3600)
	t.Cleanup(func() { time.Local = saved })
	for _, c := range []struct {
		name string
		form Form
		want string
	}{
		{"text has local time and cannot be forged", Form{}, `00:13:20.012345678: Warning file=/tmp/x\ny \"q\" ` + "\uFFFD"},
		{"text with ISO time is UTC", Form{ISO8601: true}, `2023-11-14T22:13:20.012345678+0000: Warning file=/tmp/x\ny \"q\" ` + "\uFFFD"},
		{"JSON with everything", Form{JSON: true, Hostname: "h", Output: true, Message: true, Fields: true, Tags: true, ISO8601: true},
			`{"hostname":"h","message":"file=/tmp/x\ny \"q\" ` + "\uFFFD" + `","output":"2023-11-14T22:13:20.012345678+0000: Warning file=/tmp/x\ny \"q\" ` + "\uFFFD" +
				`","output_fields":{"evt.num":1},"priority":"Warning","rule":"Read secrets","source":"syscall","tags":["a","b"],"time":"2023-11-14T22:13:20.012345678Z"}`},
		{"JSON with as little as possible", Form{JSON: true, Hostname: "h"},
			`{"hostname":"h","priority":"Warning","rule":"Read secrets","source":"syscall","time":"2023-11-14T22:13:20.012345678Z"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(c.form.Append(nil, &sample)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestInternalMessagesHaveNoTagsAndABareOutput(t *testing.T) {
	a := Alert{Priority: "Debug", Rule: "r", Source: "internal", Message: []byte("m"), Internal: true}
	f := Form{JSON: true, Output: true, Tags: true, Fields: true}
	want := `{"hostname":"","output":"m","output_fields":{},"priority":"Debug","rule":"r","source":"internal","time":"1970-01-01T00:00:00.000000000Z"}`
	if got := string(f.Append(nil, &a)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	a.Detail = []byte(`n="1"`)
	text := string((&Form{ISO8601: true}).Append(nil, &a))
	if !strings.HasSuffix(text, `:00.000000000: Debug m (n="1")`) || strings.Contains(text, "T") {
		t.Errorf("text form: %s", text)
	}
}

func BenchmarkJSONAlert(b *testing.B) {
	f := Form{JSON: true, Hostname: "h", Output: true, Fields: true, Tags: true}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0], &sample)
	}
}

// gate is a writer that blocks until it is opened.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
	got  bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.Write(p)
}

func TestBlockedWriterNeverBlocksThoseWhoOffer(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	q := NewQueue(g, 10)
	const n = 1000
	taken := 0
	for i := range n {
		if q.Offer(fmt.Appendf(nil, "line %d", i)) {
			taken++
		}
	}
	if taken >= n || taken < 10 {
		t.Errorf("%d of %d taken", taken, n)
	}
	close(g.open)
	if left := q.Close([]byte("bye\n"), 5*time.Second); left != 0 {
		t.Errorf("%d lines left", left)
	}
	if got := strings.Count(g.got.String(), "line "); got != taken {
		t.Errorf("%d lines written, %d taken", got, taken)
	}
	if !strings.HasSuffix(g.got.String(), "\nbye\n") {
		t.Error("the farewell is not last")
	}
}

func TestClosingDoesNotWaitForABlockedWriter(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	q := NewQueue(g, 100)
	for range 5 {
		q.Offer([]byte("x"))
	}
	start := time.Now()
	left := q.Close([]byte("bye\n"), 20*time.Millisecond)
	if left == 0 || time.Since(start) > time.Minute {
		t.Errorf("%d lines left after %v", left, time.Since(start))
	}
	close(g.open)
	<-q.done // the writer ends as soon as it can
}

func TestAClosedQueueRefusesLines(t *testing.T) {
	var b bytes.Buffer
	q := NewQueue(&b, 10)
	q.Close(nil, time.Second)
	if q.Offer([]byte("late")) || b.Len() > 0 {
		t.Error("it took one")
	}
}

func TestLinesArriveWithoutWaiting(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	q := NewQueue(g, 0)
	defer q.Close(nil, time.Second)
	q.Offer([]byte("now"))
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		got := g.got.String()
		g.mu.Unlock()
		if got == "now\n" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %q", got)
		}
	}
}

// refusing is a writer that fails the first writes.
type refusing struct {
	n   int
	got bytes.Buffer
}

func (r *refusing) Write(p []byte) (int, error) {
	if r.n--; r.n >= 0 {
		return 0, errors.New("no space")
	}
	return r.got.Write(p)
}

func TestAfterAFailedWriteLaterLinesAreStillTried(t *testing.T) {
	r := &refusing{n: 1}
	q := NewQueue(r, 0)
	q.Offer([]byte("lost"))
	for q.waiting.Load() > 0 {
		runtime.Gosched()
	}
	q.Offer([]byte("there"))
	q.Close(nil, time.Second)
	if r.got.String() != "there\n" {
		t.Errorf("got %q", &r.got)
	}
}

func TestOfferDoesNotAllocateInSteadyState(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	q := NewQueue(g, 0)
	defer q.Close(nil, time.Second)
	line := bytes.Repeat([]byte("x"), 200)
	offer := func() {
		for q.bytes.Load() > 0 { // let the writer give the line's memory back
			runtime.Gosched()
		}
		g.mu.Lock()
		g.got.Reset()
		g.mu.Unlock()
		q.Offer(line)
	}
	offer()
	if n := testing.AllocsPerRun(200, offer); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func FuzzJSONAlertIsJSON(f *testing.F) {
	f.Add("rule", "message", "host", "tag", uint64(1))
	f.Add("\"\\\x00\n", "\xff\xfe\u2028", "</script>", "\t", uint64(1<<63))
	f.Fuzz(func(t *testing.T, rule, message, host, tag string, ts uint64) {
		form := Form{JSON: true, Hostname: host, Output: true, Message: true, Fields: true, Tags: true}
		b := form.Append(nil, &Alert{TimeNS: ts, Priority: "Error", Rule: rule, Source: "syscall", Tags: []string{tag}, Message: []byte(message)})
		if !json.Valid(b) || bytes.IndexByte(b, '\n') >= 0 {
			t.Errorf("%q", b)
		}
		text := (&Form{}).Append(nil, &Alert{TimeNS: ts, Priority: "Error", Message: []byte(message)})
		if bytes.IndexByte(text, '\n') >= 0 {
			t.Errorf("%q forges a second alert", text)
		}
	})
}
