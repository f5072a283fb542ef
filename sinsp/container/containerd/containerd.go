// SPDX-License-Identifier: Apache-2.0

// Package containerd asks containerd for the containers of its own clients
// (ctr, nerdctl), and tells when those of Kubernetes are made. It uses the
// generated stubs of containerd's API, not the full client.
package containerd

import (
	"context"
	"strings"

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

	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/dial"
)

// Namespaces whose containers another runtime knows more of.
const (
	dockers    = "moby"
	kubernetes = "k8s.io"
)

// maxNamespaces bounds how many are listed.
const maxNamespaces = 64

// Client asks one socket. It may be used by several goroutines.
type Client struct {
	conn        *grpc.ClientConn
	labelMaxLen int
}

// New returns a client of the socket at path. It does not connect yet.
func New(path string, labelMaxLen int) (*Client, error) {
	conn, err := dial.GRPC(path)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, labelMaxLen: labelMaxLen}, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// in says which namespace a call is about.
func in(ctx context.Context, ns string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", ns)
}

// Namespaces lists the namespaces whose containers may be asked for.
func (c *Client) Namespaces(ctx context.Context) ([]string, error) {
	r, err := namespaces.NewNamespacesClient(c.conn).List(ctx, &namespaces.ListNamespacesRequest{})
	if err != nil {
		return nil, err
	}
	all := []string{}
	for _, n := range r.GetNamespaces() {
		if len(all) < maxNamespaces && n.GetName() != dockers {
			all = append(all, n.GetName())
		}
	}
	return all, nil
}

// List tells the containers that exist, those of Kubernetes and Docker apart.
func (c *Client) List(ctx context.Context, yield func(container.Question)) error {
	all, err := c.Namespaces(ctx)
	if err != nil {
		return err
	}
	for _, ns := range all {
		if ns == kubernetes {
			continue
		}
		r, err := containers.NewContainersClient(c.conn).List(in(ctx, ns), &containers.ListContainersRequest{})
		if err != nil {
			return err
		}
		for _, b := range r.GetContainers() {
			yield(container.Question{Type: container.Containerd, ID: b.GetID(), Scope: ns})
		}
	}
	return nil
}

// Watch tells what happens to containers until ctx ends or the runtime goes
// away. Those of Kubernetes are told as questions for the CRI.
func (c *Client) Watch(ctx context.Context, yield func(container.Event)) error {
	stream, err := eventsapi.NewEventsClient(c.conn).Subscribe(ctx, &eventsapi.SubscribeRequest{Filters: []string{
		`topic=="/containers/create"`, `topic=="/containers/update"`, `topic=="/containers/delete"`, `topic=="/tasks/start"`, `topic=="/images/create"`, `topic~="/namespaces/.*"`,
	}})
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	for {
		e, err := stream.Recv()
		if err != nil {
			return err
		}
		// Using a namespace makes it, without an event of its own.
		if ns := e.GetNamespace(); !seen[ns] && ns != dockers && len(seen) < maxNamespaces {
			seen[ns] = true
			yield(container.Event{Namespaces: true})
		}
		if out, ok := happened(e); ok {
			yield(out)
		}
	}
}

// happened translates an event; ok is false for those that do not matter.
func happened(e *types.Envelope) (out container.Event, ok bool) {
	if strings.HasPrefix(e.GetTopic(), "/namespaces/") {
		return container.Event{Namespaces: true}, true
	}
	ns := e.GetNamespace()
	if ns == dockers || ns == "" {
		return out, false
	}
	id := ""
	switch e.GetTopic() {
	case "/containers/create":
		out.Hook, id = container.HookCreate, idOf(e, &events.ContainerCreate{})
	case "/containers/update":
		out.Hook, id = container.HookStart, idOf(e, &events.ContainerUpdate{})
	case "/containers/delete":
		out.Hook, id = container.HookRemove, idOf(e, &events.ContainerDelete{})
	case "/tasks/start":
		m := &events.TaskStart{}
		if proto.Unmarshal(e.GetEvent().GetValue(), m) == nil {
			out.Hook, id = container.HookStart, m.GetContainerID()
		}
	}
	out.Question = container.Question{Type: container.Containerd, ID: id, Scope: ns}
	if ns == kubernetes {
		out.Question = container.Question{Type: container.CRI, ID: id}
	}
	return out, id != ""
}

func idOf(e *types.Envelope, m interface {
	proto.Message
	GetID() string
}) string {
	if proto.Unmarshal(e.GetEvent().GetValue(), m) != nil {
		return ""
	}
	return m.GetID()
}

// Inspect returns the details of a container; container.ErrUnknown when the
// runtime has none of that id. Without a namespace in the question all of them
// are tried.
func (c *Client) Inspect(ctx context.Context, q container.Question) (*container.Info, error) {
	scopes := []string{q.Scope}
	if q.Scope == "" {
		var err error
		if scopes, err = c.Namespaces(ctx); err != nil {
			return nil, err
		}
	}
	for _, ns := range scopes {
		r, err := containers.NewContainersClient(c.conn).Get(in(ctx, ns), &containers.GetContainerRequest{ID: q.ID})
		switch status.Code(err) {
		case codes.OK:
			return c.info(ctx, ns, r.GetContainer())
		case codes.NotFound:
		case codes.InvalidArgument:
			return nil, container.ErrUnknown // no id that it could have
		default:
			return nil, err
		}
	}
	return nil, container.ErrUnknown
}

func (c *Client) info(ctx context.Context, ns string, b *containers.Container) (*container.Info, error) {
	i := &container.Info{
		Type: container.Containerd, FullID: b.GetID(), Scope: ns, Name: b.GetID(), Image: b.GetImage(), Size: -1,
		Labels: container.MakeLabels(b.GetLabels(), c.labelMaxLen),
	}
	if name := b.GetLabels()["nerdctl/name"]; name != "" {
		i.Name = name
	}
	if at := b.GetCreatedAt(); at != nil {
		i.CreatedTime = at.AsTime().Unix()
	}
	if text := b.GetSpec().GetValue(); len(text) > 0 {
		if err := i.FillFromSpec(text); err != nil {
			return nil, err
		}
	}
	if i.Image != "" {
		r, err := images.NewImagesClient(c.conn).Get(in(ctx, ns), &images.GetImageRequest{Name: i.Image})
		if err == nil {
			i.ImageDigest = r.GetImage().GetTarget().GetDigest()
		}
	}
	i.Finish()
	return i, nil
}
