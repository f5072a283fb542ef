// SPDX-License-Identifier: Apache-2.0

// Package docker asks a socket that speaks the Docker API for containers:
// Docker's own, and that of Podman.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	api "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/dial"
)

// Options of a Client.
type Options struct {
	Path        string         // of the socket
	Type        container.Type // Docker or Podman
	WithSize    bool
	LabelMaxLen int
}

// Client asks one socket. It may be used by several goroutines.
type Client struct {
	opts Options
	api  *client.Client

	agreed atomic.Bool
	turn   chan struct{} // whose turn it is to agree on a version

	mu     sync.Mutex
	images map[string]image // by id; guarded by mu
}

// image is what is kept of an image.
type image struct {
	tags, digests []string
	until         time.Time
}

const (
	maxImages = 256
	imageAge  = time.Minute // tags move
)

// New returns a client. It does not connect yet.
func New(o Options) (*Client, error) {
	// A connection for each request: what comes unasked is never read.
	transport := &http.Transport{DisableKeepAlives: true}
	c, err := client.New(
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost("unix://"+o.Path),
		client.WithScheme("http"), // else it takes the transport for one of TLS
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial.Unix(ctx, o.Path) }),
	)
	if err != nil {
		return nil, fmt.Errorf("docker client of %s: %w", o.Path, err)
	}
	return &Client{opts: o, api: c, turn: make(chan struct{}, 1), images: make(map[string]image)}, nil
}

// Close closes idle connections.
func (c *Client) Close() error { return c.api.Close() }

// agreeTime bounds the agreement on a version where the request itself has no
// bound.
const agreeTime = 5 * time.Second

// agree settles the version of the API. The library would do so under a lock,
// where one request without a time limit holds up all others.
func (c *Client) agree(ctx context.Context) error {
	if c.agreed.Load() {
		return nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.agreed.Load() {
		return nil
	}
	if _, err := c.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return err
	}
	c.agreed.Store(true)
	return nil
}

// List tells the containers that exist.
func (c *Client) List(ctx context.Context, yield func(container.Question)) error {
	if err := c.agree(ctx); err != nil {
		return err
	}
	r, err := c.api.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return err
	}
	for i := range r.Items {
		yield(container.Question{Type: c.opts.Type, ID: r.Items[i].ID})
	}
	return nil
}

// Watch tells what happens to containers until ctx ends or the runtime goes
// away.
func (c *Client) Watch(ctx context.Context, yield func(container.Event)) error {
	first, cancel := context.WithTimeout(ctx, agreeTime)
	err := c.agree(first)
	cancel()
	if err != nil {
		return err
	}
	f := make(client.Filters)
	f.Add("type", "container").Add("event", "create", "start", "destroy", "remove", "rename", "update")
	r := c.api.Events(ctx, client.EventsListOptions{Filters: f})
	for {
		select {
		case m := <-r.Messages:
			hook := ""
			switch m.Action {
			case events.ActionCreate:
				hook = container.HookCreate
			case events.ActionStart, events.ActionRename, events.ActionUpdate:
				hook = container.HookStart
			case events.ActionDestroy, events.ActionRemove:
				hook = container.HookRemove
			}
			if hook != "" && m.Actor.ID != "" {
				yield(container.Event{Hook: hook, Question: container.Question{Type: c.opts.Type, ID: m.Actor.ID}})
			}
		case err := <-r.Err:
			if err == nil {
				err = errors.New("the stream of events has ended")
			}
			return err
		}
	}
}

// Inspect returns the details of a container; container.ErrUnknown when the
// runtime has none of that id.
func (c *Client) Inspect(ctx context.Context, q container.Question) (*container.Info, error) {
	if err := c.agree(ctx); err != nil {
		return nil, err
	}
	r, err := c.api.ContainerInspect(ctx, q.ID, client.ContainerInspectOptions{Size: c.opts.WithSize})
	if err != nil {
		if errdefs.IsNotFound(err) {
			return nil, container.ErrUnknown
		}
		return nil, err
	}
	if r.Container.ID == "" {
		return nil, errors.New("the answer has no container")
	}
	i := c.info(&r.Container)
	c.fillImage(ctx, i)
	if r.Container.HostConfig != nil && i.IP == "" {
		if other, ok := strings.CutPrefix(string(r.Container.HostConfig.NetworkMode), "container:"); ok {
			c.fillAddr(ctx, i, other)
		}
	}
	i.Finish()
	return i, nil
}

// info takes over what the answer itself tells.
func (c *Client) info(r *api.InspectResponse) *container.Info {
	i := &container.Info{
		Type: c.opts.Type, FullID: r.ID, Name: strings.TrimPrefix(r.Name, "/"),
		ImageID: strings.TrimPrefix(r.Image, "sha256:"), Size: -1,
	}
	if created, err := time.Parse(time.RFC3339Nano, r.Created); err == nil {
		i.CreatedTime = created.Unix()
	}
	if r.SizeRw != nil {
		i.Size = *r.SizeRw
	}
	for _, m := range r.Mounts {
		i.Mounts = append(i.Mounts, container.Mount{
			Source: m.Source, Dest: m.Destination, Mode: m.Mode, RDWR: m.RW, Propagation: string(m.Propagation),
		})
	}
	if conf := r.Config; conf != nil {
		i.Image, i.User, i.Env = conf.Image, conf.User, conf.Env
		i.Labels = container.MakeLabels(conf.Labels, c.opts.LabelMaxLen)
		// The kubelet of old put annotations of the pod among the labels.
		i.FillProbes(conf.Labels["annotation."+container.LastApplied])
		if conf.Healthcheck != nil {
			i.Healthcheck = container.HealthProbe(conf.Healthcheck.Test)
		}
		i.IsPodSandbox = conf.Labels["io.kubernetes.docker.type"] == "podsandbox" || conf.Labels["io.kubernetes.container.name"] == "POD"
	}
	if h := r.HostConfig; h != nil {
		fillHost(i, h)
	}
	if n := r.NetworkSettings; n != nil {
		fillNetwork(i, r.HostConfig, n)
	}
	return i
}

func fillHost(i *container.Info, h *api.HostConfig) {
	i.Privileged = container.TriOf(h.Privileged)
	i.HostPID = container.TriOf(h.PidMode.IsHost())
	i.HostIPC = container.TriOf(h.IpcMode.IsHost())
	i.HostNetwork = container.TriOf(h.NetworkMode.IsHost())
	i.MemoryLimit, i.SwapLimit = h.Memory, h.MemorySwap
	i.CPUShares, i.CPUQuota, i.CPUPeriod = h.CPUShares, h.CPUQuota, h.CPUPeriod
	i.CPUSetCPUCount = container.CountCPUs(h.CpusetCpus)
	if h.CPUShares == 0 {
		i.CPUShares = 1024 // what the kernel takes then
	}
	if h.CPUPeriod == 0 {
		i.CPUPeriod = 100000
	}
	if h.NanoCPUs > 0 && h.CPUQuota == 0 {
		i.CPUQuota = h.NanoCPUs / 10000 // of a period of 100 ms
	}
}

// fillNetwork takes the address in the network that the container was started
// with, or in the first one by name.
func fillNetwork(i *container.Info, h *api.HostConfig, n *api.NetworkSettings) {
	var names []string
	for name, ep := range n.Networks {
		if ep != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if h != nil {
		if at := slices.Index(names, string(h.NetworkMode)); at > 0 {
			names[0], names[at] = names[at], names[0]
		}
	}
	for _, name := range names {
		if a := n.Networks[name].IPAddress; a.IsValid() && !a.IsUnspecified() {
			i.IP = a.String()
			break
		}
	}
	for _, name := range names {
		if a := n.Networks[name].GlobalIPv6Address; i.IP == "" && a.IsValid() && !a.IsUnspecified() {
			i.IP = a.String()
		}
	}
	i.Ports = ports(n.Ports)
}

func ports(m network.PortMap) []container.Port {
	var l []container.Port
	for inside, bindings := range m {
		for _, b := range bindings {
			n, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil {
				continue
			}
			l = append(l, container.Port{HostIP: b.HostIP, HostPort: uint16(n), ContainerPort: inside.Num()})
		}
	}
	slices.SortFunc(l, func(a, b container.Port) int {
		if a.HostPort != b.HostPort {
			return int(a.HostPort) - int(b.HostPort)
		}
		return a.HostIP.Compare(b.HostIP)
	})
	return l
}

// fillAddr takes the address of the container whose network i uses.
func (c *Client) fillAddr(ctx context.Context, i *container.Info, other string) {
	r, err := c.api.ContainerInspect(ctx, other, client.ContainerInspectOptions{})
	if err != nil || r.Container.NetworkSettings == nil {
		return // then it stays unknown
	}
	var n container.Info
	fillNetwork(&n, r.Container.HostConfig, r.Container.NetworkSettings)
	i.IP = n.IP
	if r.Container.HostConfig != nil && r.Container.HostConfig.NetworkMode.IsHost() {
		i.HostNetwork = container.Yes
	}
}

// fillImage names the parts of the image: as the container was started, or,
// where that was an id, as the image is tagged.
func (c *Client) fillImage(ctx context.Context, i *container.Info) {
	byID := i.ImageID != "" && (strings.TrimPrefix(i.Image, "sha256:") == i.ImageID || (len(i.Image) >= 12 && strings.HasPrefix(i.ImageID, i.Image)))
	if !byID {
		i.ImageRepo, i.ImageTag, i.ImageDigest = container.SplitImage(i.Image)
	}
	if i.ImageID == "" || (i.ImageDigest != "" && i.ImageTag != "") {
		return
	}
	img, ok := c.image(ctx, i.ImageID)
	if !ok {
		return
	}
	if byID && len(img.tags) > 0 {
		i.ImageRepo, i.ImageTag, _ = container.SplitImage(img.tags[0])
	}
	for n, d := range img.digests {
		repo, _, digest := container.SplitImage(d)
		if byID && i.ImageRepo == "" {
			i.ImageRepo = repo
		}
		if i.ImageDigest == "" && (n == len(img.digests)-1 || sameRepo(repo, i.ImageRepo)) {
			i.ImageDigest = digest
		}
	}
}

// sameRepo compares names of which one may leave out the default registry.
func sameRepo(a, b string) bool {
	x, err1 := reference.ParseNormalizedNamed(a)
	y, err2 := reference.ParseNormalizedNamed(b)
	return err1 == nil && err2 == nil && x.Name() == y.Name()
}

func (c *Client) image(ctx context.Context, id string) (image, bool) {
	c.mu.Lock()
	img, ok := c.images[id]
	c.mu.Unlock()
	if ok && time.Now().Before(img.until) {
		return img, true
	}
	r, err := c.api.ImageInspect(ctx, "sha256:"+id)
	if err != nil {
		return image{}, false // the image may have been removed; its parts stay unknown
	}
	img = image{tags: head(r.RepoTags), digests: head(r.RepoDigests), until: time.Now().Add(imageAge)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.images) >= maxImages {
		clear(c.images)
	}
	c.images[id] = img
	return img, true
}

func head(l []string) []string { return l[:min(len(l), 16)] }
