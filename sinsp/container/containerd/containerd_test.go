// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/api/services/containers/v1"
	eventsapi "github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiercel/tiercel/sinsp/container"
)

// server has a container "box" in the namespace blue.
type server struct {
	containers.UnimplementedContainersServer
	events []*types.Envelope
	spec   string
}

func namespaceOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("containerd-namespace"); len(v) == 1 {
		return v[0]
	}
	return ""
}

type namespaceServer struct {
	namespaces.UnimplementedNamespacesServer
}

func (namespaceServer) List(context.Context, *namespaces.ListNamespacesRequest) (*namespaces.ListNamespacesResponse, error) {
	r := &namespaces.ListNamespacesResponse{}
	for _, n := range []string{"default", "moby", "k8s.io", "blue"} {
		r.Namespaces = append(r.Namespaces, &namespaces.Namespace{Name: n})
	}
	return r, nil
}

func (s *server) box() *containers.Container {
	return &containers.Container{
		ID: "box", Image: "reg/app:v1", Labels: map[string]string{"a": "b", "nerdctl/name": "friendly"},
		CreatedAt: &timestamppb.Timestamp{Seconds: 5}, Spec: &anypb.Any{Value: []byte(s.spec)},
	}
}

func (s *server) Get(ctx context.Context, r *containers.GetContainerRequest) (*containers.GetContainerResponse, error) {
	if namespaceOf(ctx) != "blue" || r.GetID() != "box" {
		return nil, status.Error(codes.NotFound, "no such container")
	}
	return &containers.GetContainerResponse{Container: s.box()}, nil
}

func (s *server) List(ctx context.Context, _ *containers.ListContainersRequest) (*containers.ListContainersResponse, error) {
	switch namespaceOf(ctx) {
	case "blue":
		return &containers.ListContainersResponse{Containers: []*containers.Container{s.box()}}, nil
	case "default":
		return &containers.ListContainersResponse{}, nil
	}
	return nil, status.Error(codes.Internal, "nobody may ask here")
}

type eventServer struct {
	eventsapi.UnimplementedEventsServer
	s *server
}

func (s eventServer) Subscribe(_ *eventsapi.SubscribeRequest, to eventsapi.Events_SubscribeServer) error {
	for _, e := range s.s.events {
		if err := to.Send(e); err != nil {
			return err
		}
	}
	return nil
}

type imageServer struct {
	images.UnimplementedImagesServer
}

func (imageServer) Get(context.Context, *images.GetImageRequest) (*images.GetImageResponse, error) {
	return &images.GetImageResponse{Image: &images.Image{Target: &types.Descriptor{Digest: "sha256:ff"}}}, nil
}

func serve(t *testing.T, s *server) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	containers.RegisterContainersServer(g, s)
	namespaces.RegisterNamespacesServer(g, namespaceServer{})
	images.RegisterImagesServer(g, imageServer{})
	eventsapi.RegisterEventsServer(g, eventServer{s: s})
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	c, err := New(l.Addr().String(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const spec = `{"process":{"env":["A=1"],"user":{"uid":7}},"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"network"}],"maskedPaths":["/x"]}}`

func TestInspect(t *testing.T) {
	c := serve(t, &server{spec: spec})
	want := &container.Info{
		Type: container.Containerd, ID: "box", FullID: "box", Scope: "blue", Name: "friendly", Image: "reg/app:v1",
		ImageRepo: "reg/app", ImageTag: "v1", ImageDigest: "sha256:ff", User: "7", Env: []string{"A=1"}, Size: -1, CreatedTime: 5,
		Labels:     container.Labels{{Key: "a", Value: "b"}, {Key: "nerdctl/name", Value: "friendly"}},
		Privileged: container.No, HostPID: container.No, HostNetwork: container.No, HostIPC: container.No,
	}
	for _, scope := range []string{"blue", ""} {
		got, err := c.Inspect(context.Background(), container.Question{ID: "box", Scope: scope})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("in %q:\ngot  %+v %v\nwant %+v", scope, got, err, want)
		}
	}
	for _, q := range []container.Question{{ID: "box", Scope: "default"}, {ID: "other"}} {
		if _, err := c.Inspect(context.Background(), q); !errors.Is(err, container.ErrUnknown) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := serve(t, &server{spec: "{"}).Inspect(context.Background(), container.Question{ID: "box"}); err == nil {
		t.Error("a broken specification was taken")
	}
}

func TestListLeavesOutWhatOthersKnowBetter(t *testing.T) {
	c := serve(t, &server{})
	var listed []string
	if err := c.List(context.Background(), func(q container.Question) { listed = append(listed, q.Scope+"/"+q.ID) }); err != nil || fmt.Sprint(listed) != "[blue/box]" {
		t.Errorf("%v %v", listed, err)
	}
	names, err := c.Namespaces(context.Background())
	if err != nil || fmt.Sprint(names) != "[default k8s.io blue]" {
		t.Errorf("%v %v", names, err)
	}
}

func TestEvents(t *testing.T) {
	envelope := func(ns, topic string, m proto.Message) *types.Envelope {
		a, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		return &types.Envelope{Namespace: ns, Topic: topic, Event: a}
	}
	c := serve(t, &server{events: []*types.Envelope{
		envelope("blue", "/containers/create", &events.ContainerCreate{ID: "a"}),
		envelope("blue", "/tasks/start", &events.TaskStart{ContainerID: "a"}),
		envelope("moby", "/containers/create", &events.ContainerCreate{ID: "dockers"}),
		envelope("k8s.io", "/containers/create", &events.ContainerCreate{ID: "b"}),
		{Namespace: "blue", Topic: "/containers/create", Event: &anypb.Any{Value: []byte("\xff\xff garbage")}},
		{Namespace: "blue", Topic: "/containers/create"},
		envelope("blue", "/containers/delete", &events.ContainerDelete{ID: "a"}),
		envelope("", "/namespaces/create", &events.NamespaceCreate{Name: "new"}),
	}})
	var seen []string
	err := c.Watch(context.Background(), func(e container.Event) {
		if e.Namespaces {
			seen = append(seen, "namespaces")
			return
		}
		seen = append(seen, fmt.Sprintf("%s %v %s/%s", e.Hook, e.Question.Type, e.Question.Scope, e.Question.ID))
	})
	want := []string{
		"namespaces", "create containerd blue/a", "start containerd blue/a", "namespaces", "create cri /b",
		"remove containerd blue/a", "namespaces", "namespaces",
	}
	if err == nil || !reflect.DeepEqual(seen, want) {
		t.Errorf("%q %v", seen, err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("blue", "/containers/create", []byte{0x0a, 1, 'a'})
	f.Add("k8s.io", "/tasks/start", []byte{0xff})
	f.Add("", "/namespaces/x", []byte(nil))
	f.Fuzz(func(t *testing.T, ns, topic string, value []byte) {
		e, ok := happened(&types.Envelope{Namespace: ns, Topic: topic, Event: &anypb.Any{Value: value}})
		if ok && !e.Namespaces && e.Question.ID == "" {
			t.Fatalf("%+v", e)
		}
	})
}
