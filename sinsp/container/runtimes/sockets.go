// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/containerd"
	"github.com/tiercel/tiercel/sinsp/container/cri"
	"github.com/tiercel/tiercel/sinsp/container/docker"
)

// client is what a runtime can be asked for.
type client interface {
	Inspect(context.Context, container.Question) (*container.Info, error)
	List(context.Context, func(container.Question)) error
	Watch(context.Context, func(container.Event)) error
	Close() error
}

// place is a socket that may be there.
type place struct {
	kind container.Type // Docker, Podman, CRI or Containerd: how it is asked
	path string         // with the host's root
	uid  int64          // whose it is; 0 = root's
}

// The usual sockets, below the host's root.
var defaults = map[container.Type][]string{
	container.Docker:     {"/var/run/docker.sock"},
	container.Podman:     {"/run/podman/podman.sock", userPodman},
	container.Containerd: {"/run/containerd/containerd.sock", "/run/host-containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"},
	container.CRI: {
		"/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock",
		"/run/host-containerd/containerd.sock",
	},
}

// userPodman are the sockets of the Podmans of users.
const userPodman = "/run/user/*/podman/podman.sock"

// maxPlaces bounds the sockets; users may be many.
const maxPlaces = 64

// kinds are the ways to ask, in the order in which sockets are opened.
var kinds = []container.Type{container.Docker, container.Podman, container.CRI, container.Containerd}

func settings(e *container.EnginesConfig, kind container.Type) *container.SocketsConfig {
	switch kind {
	case container.Docker:
		return &e.Docker
	case container.Podman:
		return &e.Podman
	case container.CRI:
		return &e.CRI
	}
	return &e.Containerd
}

// places lists the sockets that exist.
func places(cfg *container.Config, root string) []place {
	var all []place
	for _, kind := range kinds {
		s := settings(&cfg.Engines, kind)
		if !s.Enabled {
			continue
		}
		paths := s.Sockets
		if len(paths) == 0 {
			paths = defaults[kind]
		}
		for _, path := range paths {
			for _, found := range expand(root, path) {
				if p := (place{kind, found, ownerOf(root, found)}); isSocket(p.path) && !slices.Contains(all, p) {
					all = append(all, p)
				}
			}
		}
	}
	return all[:min(len(all), maxPlaces)]
}

func expand(root, path string) []string {
	full := filepath.Join(root, path)
	if !strings.Contains(path, "*") {
		return []string{full}
	}
	found, err := filepath.Glob(full)
	if err != nil {
		return nil // the pattern is ours, or names no file
	}
	return found
}

// ownerOf returns the user whose runtime folder a socket is in; 0 for others.
func ownerOf(root, path string) int64 {
	rest, ok := strings.CutPrefix(path, filepath.Join(root, "/run/user")+"/")
	if !ok {
		return 0
	}
	uid, _, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return 1<<32 - 1 // nobody's: it is asked for nothing
	}
	return int64(n)
}

func isSocket(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode()&os.ModeSocket != 0
}

// socket is a runtime that listens.
type socket struct {
	place
	client client

	mu       sync.Mutex
	failures int       // in a row; guarded by mu
	until    time.Time // it is left alone; guarded by mu
	last     error     // guarded by mu
}

// Waiting times of a socket that fails.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

func open(p place, cfg *container.Config) (*socket, error) {
	var c client
	var err error
	switch p.kind {
	case container.Docker, container.Podman:
		c, err = docker.New(docker.Options{Path: p.path, Type: p.kind, WithSize: cfg.WithSize, LabelMaxLen: cfg.LabelMaxLen})
	case container.CRI:
		c, err = cri.New(p.path, cfg.LabelMaxLen)
	case container.Containerd:
		c, err = containerd.New(p.path, cfg.LabelMaxLen)
	default:
		err = fmt.Errorf("a %s socket cannot be asked", p.kind)
	}
	if err != nil {
		return nil, err
	}
	return &socket{place: p, client: c}, nil
}

// paused returns how long the socket is left alone.
func (s *socket) paused() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, time.Until(s.until))
}

// worked notes an answer; it reports whether the socket had failed before, or
// was never asked.
func (s *socket) worked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.failures > 0
	s.failures, s.until, s.last = 0, time.Time{}, nil
	return before
}

// failed notes a failure; it reports whether it is the first in a row.
func (s *socket) failed(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now().Add(min(firstPause<<min(s.failures, 10), lastPause))
	s.failures++
	s.last = err
	return s.failures == 1
}

// mayTell reports whether the socket is believed about the container that q
// asks for. A user's own runtime is believed about that user's containers.
func (s *socket) mayTell(q *container.Question) bool {
	if s.uid == 0 {
		return true
	}
	return strings.HasPrefix(q.Cgroup, fmt.Sprintf("/user.slice/user-%d.slice/", s.uid))
}
