// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tiercel/tiercel/sinsp/container"
)

var (
	boxID = strings.Repeat("ab", 32)
	podID = strings.Repeat("cd", 32)
)

// server is a runtime with one pod and one container.
type server struct {
	cri.UnimplementedRuntimeServiceServer
	name   string
	info   map[string]string
	events []*cri.ContainerEventResponse
}

func (s *server) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{RuntimeName: s.name}, nil
}

func (s *server) ContainerStatus(_ context.Context, r *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	if r.GetContainerId() != boxID {
		return nil, status.Error(codes.Unknown, "could not find container")
	}
	return &cri.ContainerStatusResponse{Info: s.info, Status: &cri.ContainerStatus{
		Id: boxID, Metadata: &cri.ContainerMetadata{Name: "main"}, CreatedAt: 5e9,
		Image: &cri.ImageSpec{Image: "reg/app:v1"}, ImageRef: "reg/app@sha256:ff", ImageId: "sha256:1234",
		Labels:    map[string]string{"io.kubernetes.container.name": "main", "tier": "front"},
		Mounts:    []*cri.Mount{{HostPath: "/a", ContainerPath: "/b", Propagation: cri.MountPropagation_PROPAGATION_BIDIRECTIONAL}},
		Resources: &cri.ContainerResources{Linux: &cri.LinuxContainerResources{MemoryLimitInBytes: 9, CpuQuota: 8}},
	}}, nil
}

func (s *server) PodSandboxStatus(_ context.Context, r *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	if r.GetPodSandboxId() != podID {
		return nil, status.Error(codes.NotFound, "no such pod")
	}
	return &cri.PodSandboxStatusResponse{
		Info: map[string]string{"info": `{"cniResult":{"Interfaces":{}},"runtimeSpec":{"process":{"env":["P=1"]}}}`},
		Status: &cri.PodSandboxStatus{
			Id: podID, Metadata: &cri.PodSandboxMetadata{Name: "pod", Namespace: "ns", Uid: "uid"}, CreatedAt: 4e9,
			Network: &cri.PodSandboxNetworkStatus{Ip: "10.1.1.1"}, Labels: map[string]string{"app": "web"},
			Annotations: map[string]string{container.LastApplied: `{"spec":{"containers":[{"name":"main","readinessProbe":{"exec":{"command":["/ready"]}}}]}}`},
			Linux:       &cri.LinuxPodSandboxStatus{Namespaces: &cri.Namespace{Options: &cri.NamespaceOption{Network: cri.NamespaceMode_POD, Pid: cri.NamespaceMode_NODE}}},
		},
	}, nil
}

func (s *server) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: []*cri.PodSandbox{{Id: podID}}}, nil
}

func (s *server) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	return &cri.ListContainersResponse{Containers: []*cri.Container{{Id: boxID}}}, nil
}

func (s *server) GetContainerEvents(_ *cri.GetEventsRequest, to grpc.ServerStreamingServer[cri.ContainerEventResponse]) error {
	if s.events == nil {
		return status.Error(codes.Unimplemented, "no events")
	}
	for _, e := range s.events {
		if err := to.Send(e); err != nil {
			return err
		}
	}
	return nil
}

func serve(t testing.TB, s *server) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cri")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(g, s)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	c, err := New(l.Addr().String(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func ask(id string) container.Question { return container.Question{Type: container.CRI, ID: id} }

func TestContainersAndTheirPods(t *testing.T) {
	ctx := context.Background()
	for runtime, want := range map[string]struct {
		info string
		typ  container.Type
	}{
		"containerd": {`{"sandboxID":"` + podID + `","config":{"linux":{"security_context":{"privileged":true}}},"runtimeSpec":{"process":{"env":["A=1"],"user":{"uid":3}},"linux":{"namespaces":[{"type":"network","path":"/proc/7/ns/net"}]}}}`, container.Containerd},
		"cri-o":      {`{"sandboxID":"` + podID + `","privileged":true,"runtimeSpec":{"process":{"env":["A=1"],"user":{"uid":3}}}}`, container.CRIO},
		"another":    {`{"sandboxID":"` + podID + `","privileged":true,"runtimeSpec":{"process":{"env":["A=1"],"user":{"uid":3}}}}`, container.CRI},
	} {
		c := serve(t, &server{name: runtime, info: map[string]string{"info": want.info}})
		got, err := c.Inspect(ctx, ask(boxID))
		if err != nil {
			t.Fatalf("%s: %v", runtime, err)
		}
		box := &container.Info{
			Type: want.typ, ID: boxID[:12], FullID: boxID, Name: "main", CreatedTime: 5, Size: -1,
			Image: "reg/app:v1", ImageRepo: "reg/app", ImageTag: "v1", ImageDigest: "sha256:ff", ImageID: "1234",
			Labels:     container.Labels{{Key: "io.kubernetes.container.name", Value: "main"}, {Key: "tier", Value: "front"}},
			Mounts:     []container.Mount{{Source: "/a", Dest: "/b", RDWR: true, Propagation: "rshared"}},
			Privileged: container.Yes, HostNetwork: container.No, HostPID: container.Yes, HostIPC: container.No,
			PodSandboxID: podID, PodName: "pod", PodNamespace: "ns", PodUID: "uid", PodLabels: container.Labels{{Key: "app", Value: "web"}},
			IP: "10.1.1.1", PodIP: "10.1.1.1", CNIJSON: `{"Interfaces":{}}`, PodCNIJSON: `{"Interfaces":{}}`,
			Env: []string{"A=1"}, User: "3", MemoryLimit: 9, CPUQuota: 8,
			ReadinessProbe: &container.Probe{Exe: "/ready", Args: []string{}},
		}
		if !reflect.DeepEqual(got, box) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", runtime, got, box)
		}
		pod, err := c.Inspect(ctx, ask(podID))
		if err != nil || !pod.IsPodSandbox || pod.PodName != "pod" || pod.PodSandboxID != podID || pod.PodIP != "10.1.1.1" || pod.Env[0] != "P=1" {
			t.Errorf("%s: sandbox %+v %v", runtime, pod, err)
		}
		if _, err := c.Inspect(ctx, ask("nobody")); !errors.Is(err, container.ErrUnknown) {
			t.Errorf("%s: one that is not there: %v", runtime, err)
		}
	}
}

func TestListAndEvents(t *testing.T) {
	s := &server{events: []*cri.ContainerEventResponse{
		{ContainerId: podID, ContainerEventType: cri.ContainerEventType_CONTAINER_CREATED_EVENT},
		{ContainerId: boxID, ContainerEventType: cri.ContainerEventType_CONTAINER_STOPPED_EVENT},
		{ContainerId: boxID, ContainerEventType: cri.ContainerEventType_CONTAINER_DELETED_EVENT},
	}}
	c := serve(t, s)
	var listed []string
	if err := c.List(context.Background(), func(q container.Question) { listed = append(listed, q.ID) }); err != nil || fmt.Sprint(listed) != fmt.Sprint([]string{podID, boxID}) {
		t.Errorf("%v %v", listed, err)
	}
	var seen []string
	err := c.Watch(context.Background(), func(e container.Event) { seen = append(seen, e.Hook+" "+e.Question.ID[:2]) })
	if err == nil || fmt.Sprint(seen) != "[create cd remove ab]" {
		t.Errorf("%v %v", seen, err)
	}
	if err := serve(t, &server{}).Watch(context.Background(), nil); !errors.Is(err, container.ErrNoEvents) {
		t.Errorf("without events: %v", err)
	}
}

func FuzzVerbose(f *testing.F) {
	f.Add(`{"sandboxID":"a","config":{"linux":{"security_context":{"privileged":true}}},"runtimeSpec":{"mounts":[{}]},"cniResult":null}`)
	f.Add(`{"sandboxID":1,"privileged":"x"}`)
	f.Add(`[]`)
	s := &server{name: "containerd"}
	c := serve(f, s)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := s.ContainerStatus(context.Background(), &cri.ContainerStatusRequest{ContainerId: boxID})
		if err != nil {
			t.Fatal(err)
		}
		r.Info = map[string]string{"info": text}
		// Without a runtime that answers: what a status says is all there is.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		i := c.box(ctx, r)
		i.Finish()
		if i.FullID != boxID || i.Name != "main" {
			t.Fatalf("%q: %+v", text, i)
		}
	})
}
