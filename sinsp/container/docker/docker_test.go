// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/dial"
)

const (
	id      = "2400edb296c5d631fef083a30c680f71801b0409a9676ee546c084d0087d7c7d"
	imageID = "0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a"
)

// answer is what the daemon says of a container that uses everything.
const answer = `{"Id":"` + id + `","Created":"2026-11-23T14:36:58.02Z","Name":"/sharp","Image":"sha256:` + imageID + `","SizeRw":12,
"HostConfig":{"NetworkMode":"blue","PidMode":"host","IpcMode":"private","Privileged":true,"Memory":1000,"MemorySwap":2000,"NanoCpus":1500000000,"CpusetCpus":"0-1"},
"Mounts":[{"Type":"bind","Source":"/home","Destination":"/h","Mode":"z","RW":true,"Propagation":"rprivate"}],
"Config":{"User":"app","Env":["A=1"],"Image":"app:v1","Labels":{"io.kubernetes.pod.name":"p","long":"0123456789","annotation.kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"containers\":[{\"livenessProbe\":{\"exec\":{\"command\":[\"/live\"]}}}]}}"},
"Healthcheck":{"Test":["CMD","/check","-x"]}},
"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"81/tcp":null},"Networks":{"a":{"IPAddress":"10.0.0.1"},"blue":{"IPAddress":"10.0.0.2","GlobalIPv6Address":""}}}}`

// serve answers requests by their path, without the version.
func serve(t *testing.T, routes map[string]http.HandlerFunc) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "dk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		if strings.HasPrefix(p, "/v1.41/") {
			p = p[len("/v1.41"):]
		}
		w.Header().Set("Api-Version", "1.41")
		switch h := routes[p]; {
		case p == "/_ping":
		case h != nil:
			h(w, r)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"message":"No such thing: %s"}`, p)
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	c, err := New(Options{Path: path, Type: container.Docker, WithSize: true, LabelMaxLen: 9})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	}
}

func ask(id string) container.Question { return container.Question{Type: container.Docker, ID: id} }

func TestInspect(t *testing.T) {
	c := serve(t, map[string]http.HandlerFunc{
		"/containers/" + id + "/json":         says(answer),
		"/images/sha256:" + imageID + "/json": says(`{"Id":"sha256:` + imageID + `","RepoTags":["app:v1"],"RepoDigests":["other@sha256:00","docker.io/library/app@sha256:ff"]}`),
	})
	got, err := c.Inspect(context.Background(), ask(id))
	if err != nil {
		t.Fatal(err)
	}
	want := &container.Info{
		Type: container.Docker, ID: id[:12], FullID: id, Name: "sharp", Image: "app:v1", ImageID: imageID,
		ImageRepo: "app", ImageTag: "v1", ImageDigest: "sha256:ff", User: "app", IP: "10.0.0.2",
		Privileged: container.Yes, HostPID: container.Yes, HostNetwork: container.No, HostIPC: container.No,
		Labels: container.Labels{{Key: "io.kubernetes.pod.name", Value: "p"}}, Env: []string{"A=1"},
		Mounts:  []container.Mount{{Source: "/home", Dest: "/h", Mode: "z", RDWR: true, Propagation: "rprivate"}},
		Ports:   []container.Port{{HostIP: netip.MustParseAddr("0.0.0.0"), HostPort: 8080, ContainerPort: 80}},
		PodName: "p", MemoryLimit: 1000, SwapLimit: 2000, CPUShares: 1024, CPUQuota: 150000, CPUPeriod: 100000, CPUSetCPUCount: 2,
		CreatedTime: time.Date(2026, 11, 23, 14, 36, 58, 0, time.UTC).Unix(), Size: 12,
		Healthcheck:   &container.Probe{Exe: "/check", Args: []string{"-x"}},
		LivenessProbe: &container.Probe{Exe: "/live", Args: []string{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
	if _, err := c.Inspect(context.Background(), ask(strings.Repeat("0", 64))); !errors.Is(err, container.ErrUnknown) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestOneThatUsesTheNetworkOfAnother(t *testing.T) {
	c := serve(t, map[string]http.HandlerFunc{
		"/containers/" + id + "/json":         says(`{"Id":"` + id + `","HostConfig":{"NetworkMode":"container:other"},"NetworkSettings":{}}`),
		"/containers/other/json":              says(answer),
		"/containers/by-id-image/json":        says(`{"Id":"by-id-image","Image":"sha256:` + imageID + `","Config":{"Image":"` + imageID[:12] + `"}}`),
		"/images/sha256:" + imageID + "/json": says(`{"RepoTags":["team/app:v2"],"RepoDigests":["team/app@sha256:ee"]}`),
	})
	i, err := c.Inspect(context.Background(), ask(id))
	if err != nil || i.IP != "10.0.0.2" {
		t.Errorf("%+v %v", i, err)
	}
	// Started by the image's id: its name is that of the tag.
	i, err = c.Inspect(context.Background(), ask("by-id-image"))
	if err != nil || i.ImageRepo != "team/app" || i.ImageTag != "v2" || i.ImageDigest != "sha256:ee" {
		t.Errorf("%+v %v", i, err)
	}
}

func TestListAndEvents(t *testing.T) {
	c := serve(t, map[string]http.HandlerFunc{
		"/containers/json": says(`[{"Id":"a"},{"Id":"b"}]`),
		"/events": says(`{"Type":"container","Action":"create","Actor":{"ID":"a"}}
{"Type":"container","Action":"start","Actor":{"ID":"a"}}
{"Type":"container","Action":"exec_start: x","Actor":{"ID":"a"}}
{"Type":"container","Action":"destroy","Actor":{"ID":"a"}}
`),
	})
	var listed []string
	if err := c.List(context.Background(), func(q container.Question) { listed = append(listed, q.ID) }); err != nil || fmt.Sprint(listed) != "[a b]" {
		t.Errorf("%v %v", listed, err)
	}
	var hooks []string
	err := c.Watch(context.Background(), func(e container.Event) { hooks = append(hooks, e.Hook+" "+e.Question.ID) })
	if err == nil || fmt.Sprint(hooks) != "[create a start a remove a]" {
		t.Errorf("%v %v", hooks, err)
	}
}

func TestAnswersWithoutEnd(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		sent := 0
		for chunk := []byte(strings.Repeat(`{"Name":"xxxxxxxxxxxxxxx",`, 1000)); sent < 4*dial.MaxAnswer; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	c := serve(t, map[string]http.HandlerFunc{"/containers/" + id + "/json": endless, "/containers/json": endless, "/events": endless})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := c.Inspect(ctx, ask(id)); err == nil || ctx.Err() != nil {
		t.Errorf("inspect: %v", err)
	}
	if err := c.List(ctx, func(container.Question) {}); err == nil || ctx.Err() != nil {
		t.Errorf("list: %v", err)
	}
	if err := c.Watch(ctx, func(container.Event) {}); err == nil || ctx.Err() != nil {
		t.Errorf("watch: %v", err)
	}
}

func TestOneHangingRequestDoesNotHoldUpOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts
	c, err := New(Options{Path: path, Type: container.Docker})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = c.Watch(ctx, func(container.Event) {}) }()
	short, done := context.WithTimeout(ctx, 50*time.Millisecond)
	defer done()
	start := time.Now()
	if _, err := c.Inspect(short, ask(id)); err == nil || time.Since(start) > time.Minute {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(answer)
	f.Add(`{"Id":"x","Config":{"Labels":{"a":""},"Healthcheck":{"Test":["CMD"]}},"NetworkSettings":{"Networks":{"a":null}}}`)
	f.Add(`{"Id":"x","HostConfig":{},"Mounts":[{}],"NetworkSettings":{"Ports":{"80":[{}]}}}`)
	var body string
	dir, err := os.MkdirTemp("/tmp", "dk")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		f.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if r.URL.Path != "/_ping" {
			fmt.Fprint(w, body)
		}
	})}
	go func() { _ = s.Serve(l) }()
	f.Cleanup(func() { s.Close() })
	c, err := New(Options{Path: path, Type: container.Docker})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body = text
		i, err := c.Inspect(context.Background(), ask(id))
		if err == nil && i.FullID == "" {
			t.Fatalf("%q: %+v", text, i)
		}
	})
}
