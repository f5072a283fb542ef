// SPDX-License-Identifier: Apache-2.0

// Package cri asks a runtime of Kubernetes (containerd, CRI-O) for containers
// and pods, by the container runtime interface.
package cri

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/dial"
)

// Client asks one socket. It may be used by several goroutines.
type Client struct {
	conn        *grpc.ClientConn
	api         cri.RuntimeServiceClient
	labelMaxLen int

	mu  sync.Mutex
	typ container.Type // by the runtime's name; CRI until it is known; guarded by mu
}

// New returns a client of the socket at path. It does not connect yet.
func New(path string, labelMaxLen int) (*Client, error) {
	conn, err := dial.GRPC(path)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, api: cri.NewRuntimeServiceClient(conn), labelMaxLen: labelMaxLen, typ: container.CRI}, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// List tells the containers and pod sandboxes that exist.
func (c *Client) List(ctx context.Context, yield func(container.Question)) error {
	pods, err := c.api.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, p := range pods.GetItems() {
		yield(container.Question{Type: container.CRI, ID: p.GetId()})
	}
	boxes, err := c.api.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return err
	}
	for _, b := range boxes.GetContainers() {
		yield(container.Question{Type: container.CRI, ID: b.GetId()})
	}
	return nil
}

// Watch tells what happens to containers until ctx ends or the runtime goes
// away; container.ErrNoEvents where the runtime cannot tell.
func (c *Client) Watch(ctx context.Context, yield func(container.Event)) error {
	stream, err := c.api.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	for err == nil {
		var e *cri.ContainerEventResponse
		if e, err = stream.Recv(); err != nil {
			break
		}
		hook := ""
		switch e.GetContainerEventType() {
		case cri.ContainerEventType_CONTAINER_CREATED_EVENT:
			hook = container.HookCreate
		case cri.ContainerEventType_CONTAINER_STARTED_EVENT:
			hook = container.HookStart
		case cri.ContainerEventType_CONTAINER_DELETED_EVENT:
			hook = container.HookRemove
		}
		if id := e.GetContainerId(); hook != "" && id != "" {
			yield(container.Event{Hook: hook, Question: container.Question{Type: container.CRI, ID: id}})
		}
	}
	if status.Code(err) == codes.Unimplemented {
		return container.ErrNoEvents
	}
	return err
}

// Inspect returns the details of a container or a pod sandbox;
// container.ErrUnknown when the runtime has none of that id.
func (c *Client) Inspect(ctx context.Context, q container.Question) (*container.Info, error) {
	r, err := c.api.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: q.ID, Verbose: true})
	if err == nil && r.GetStatus() != nil {
		i := c.box(ctx, r)
		i.Finish()
		return i, nil
	}
	if !notFound(err) {
		return nil, err
	}
	p, err := c.api.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: q.ID, Verbose: true})
	switch {
	case err == nil && p.GetStatus() != nil:
		i := c.sandbox(ctx, p)
		i.Finish()
		return i, nil
	case notFound(err):
		return nil, container.ErrUnknown
	}
	return nil, err
}

// notFound reports whether an answer says that there is no such container.
// Older runtimes say so in words only.
func notFound(err error) bool {
	switch status.Code(err) {
	case codes.OK, codes.NotFound:
		return true // OK without a status
	case codes.Unknown:
		text := status.Convert(err).Message()
		return strings.Contains(text, "not found") || strings.Contains(text, "does not exist") || strings.Contains(text, "could not find")
	}
	return false
}

// typeOf asks the runtime once what it is.
func (c *Client) typeOf(ctx context.Context) container.Type {
	c.mu.Lock()
	typ := c.typ
	c.mu.Unlock()
	if typ != container.CRI {
		return typ
	}
	v, err := c.api.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return typ
	}
	switch v.GetRuntimeName() {
	case "containerd":
		typ = container.Containerd
	case "cri-o":
		typ = container.CRIO
	}
	c.mu.Lock()
	c.typ = typ
	c.mu.Unlock()
	return typ
}

// verbose is what runtimes put into the info of a status, as JSON. containerd
// and CRI-O name things differently.
type verbose struct {
	SandboxID  string
	Privileged *bool // CRI-O
	Config     struct {
		Image struct{ Image string }
		Linux struct {
			SecurityContext struct{ Privileged *bool } `json:"security_context"`
		}
	}
	RuntimeSpec json.RawMessage
	CNIResult   json.RawMessage
}

func readVerbose(info map[string]string) *verbose {
	v := &verbose{}
	// What cannot be read is not known.
	_ = json.Unmarshal([]byte(info["info"]), v)
	return v
}

func (v *verbose) privileged() container.Tri {
	switch p := v.Config.Linux.SecurityContext.Privileged; {
	case p != nil:
		return container.TriOf(*p)
	case v.Privileged != nil:
		return container.TriOf(*v.Privileged)
	case len(v.RuntimeSpec) > 0 && v.SandboxID != "":
		return container.No // protobuf's JSON leaves false out
	}
	return container.NotKnown
}

// box makes the details of a container.
func (c *Client) box(ctx context.Context, r *cri.ContainerStatusResponse) *container.Info {
	s, v := r.GetStatus(), readVerbose(r.GetInfo())
	i := &container.Info{
		Type: c.typeOf(ctx), FullID: s.GetId(), Name: s.GetMetadata().GetName(), Size: -1,
		Labels:       container.MakeLabels(s.GetLabels(), c.labelMaxLen),
		CreatedTime:  s.GetCreatedAt() / int64(time.Second),
		Privileged:   v.privileged(),
		PodSandboxID: v.SandboxID,
	}
	fillImage(i, s, v)
	if s.Mounts != nil {
		i.Mounts = []container.Mount{}
	}
	for _, m := range s.GetMounts() {
		i.Mounts = append(i.Mounts, container.Mount{
			Source: m.GetHostPath(), Dest: m.GetContainerPath(), RDWR: !m.GetReadonly(), Propagation: propagation(m.GetPropagation()),
		})
	}
	if l := s.GetResources().GetLinux(); l != nil {
		i.MemoryLimit, i.SwapLimit = l.GetMemoryLimitInBytes(), l.GetMemorySwapLimitInBytes()
		i.CPUShares, i.CPUQuota, i.CPUPeriod = l.GetCpuShares(), l.GetCpuQuota(), l.GetCpuPeriod()
		i.CPUSetCPUCount = container.CountCPUs(l.GetCpusetCpus())
	}
	if i.PodSandboxID != "" {
		c.fillPod(ctx, i)
	}
	if len(v.RuntimeSpec) > 0 {
		_ = i.FillFromSpec(v.RuntimeSpec) // what it would add stays unknown
	}
	return i
}

func fillImage(i *container.Info, s *cri.ContainerStatus, v *verbose) {
	name, ref := s.GetImage().GetImage(), s.GetImageRef()
	i.ImageRepo, i.ImageTag, i.ImageDigest = container.SplitImage(name)
	if repo, _, digest := container.SplitImage(ref); digest != "" {
		i.ImageDigest = digest
		if i.ImageRepo == "" {
			i.ImageRepo = repo
		}
	}
	if i.Image = name; strings.HasPrefix(name, "sha256:") && i.ImageRepo != "" {
		i.Image = ref
	}
	for _, id := range []string{s.GetImageId(), v.Config.Image.Image, ref, name} {
		if hash, ok := strings.CutPrefix(id, "sha256:"); ok {
			i.ImageID = hash
			break
		}
	}
}

func propagation(p cri.MountPropagation) string {
	switch p {
	case cri.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
		return "rslave"
	case cri.MountPropagation_PROPAGATION_BIDIRECTIONAL:
		return "rshared"
	}
	return "rprivate"
}

// fillPod takes what the containers of a pod share.
func (c *Client) fillPod(ctx context.Context, i *container.Info) {
	p, err := c.api.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: i.PodSandboxID, Verbose: true})
	if err != nil || p.GetStatus() == nil {
		return // it comes with the sandbox itself, see container.Table
	}
	c.takePod(i, p)
	i.FillProbes(p.GetStatus().GetAnnotations()[container.LastApplied])
}

// takePod takes what a sandbox tells of its pod.
func (c *Client) takePod(i *container.Info, p *cri.PodSandboxStatusResponse) {
	s, v := p.GetStatus(), readVerbose(p.GetInfo())
	i.PodSandboxID = s.GetId()
	i.PodName, i.PodNamespace, i.PodUID = s.GetMetadata().GetName(), s.GetMetadata().GetNamespace(), s.GetMetadata().GetUid()
	i.PodLabels = container.MakeLabels(s.GetLabels(), c.labelMaxLen)
	i.PodIP = s.GetNetwork().GetIp()
	i.IP = i.PodIP
	if len(v.CNIResult) > 0 && string(v.CNIResult) != "null" {
		i.PodCNIJSON = string(v.CNIResult)
		i.CNIJSON = i.PodCNIJSON
	}
	if o := s.GetLinux().GetNamespaces().GetOptions(); o != nil {
		i.HostNetwork = container.TriOf(o.GetNetwork() == cri.NamespaceMode_NODE)
		i.HostPID = container.TriOf(o.GetPid() == cri.NamespaceMode_NODE)
		i.HostIPC = container.TriOf(o.GetIpc() == cri.NamespaceMode_NODE)
	}
}

// sandbox makes the details of a pod's sandbox, which is a container of its
// own.
func (c *Client) sandbox(ctx context.Context, p *cri.PodSandboxStatusResponse) *container.Info {
	s, v := p.GetStatus(), readVerbose(p.GetInfo())
	i := &container.Info{
		Type: c.typeOf(ctx), FullID: s.GetId(), Name: s.GetMetadata().GetName(), Size: -1, IsPodSandbox: true,
		CreatedTime: s.GetCreatedAt() / int64(time.Second),
		Labels:      container.MakeLabels(s.GetLabels(), c.labelMaxLen),
		Privileged:  v.privileged(),
	}
	c.takePod(i, p)
	i.Image = podImage(v)
	if len(v.RuntimeSpec) > 0 {
		_ = i.FillFromSpec(v.RuntimeSpec)
	}
	return i
}

// podImage is the pause image, which only containerd's own words name.
func podImage(v *verbose) string { return v.Config.Image.Image }
