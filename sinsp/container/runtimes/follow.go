// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tiercel/tiercel/sinsp/container"
)

const (
	// listEvery is how often a runtime that tells no events is asked for all
	// its containers.
	listEvery = 30 * time.Second
	// steady is how long a stream of events lasts that counts as success.
	steady = 10 * time.Second
)

// namespacer is a runtime whose containers are in namespaces.
type namespacer interface {
	Namespaces(context.Context) ([]string, error)
}

// follow learns of the containers of a socket until everything ends or the
// socket is gone.
func (r *Runtimes) follow(s *socket) {
	for r.ctx.Err() == nil && r.has(s) {
		if pause := s.paused(); pause > 0 {
			r.sleep(pause)
			continue
		}
		began := time.Now()
		ctx, cancel := context.WithCancel(r.ctx)
		primed := make(chan struct{})
		r.run(func() {
			defer close(primed)
			if !r.prime(ctx, s) {
				cancel() // what does not answer tells no events either
			}
		})
		err := s.client.Watch(ctx, func(e container.Event) { r.happened(s, e) })
		if errors.Is(err, container.ErrNoEvents) {
			<-primed
		}
		cancel()
		switch {
		case errors.Is(err, container.ErrNoEvents):
			r.sleep(listEvery)
		case time.Since(began) > steady:
			s.worked() // it ended after a good while: begin anew at once, once
		default:
			r.fail(s, err)
		}
	}
}

func (r *Runtimes) has(s *socket) bool { return slices.Contains(r.all(), s) }

// prime asks for the containers that exist. It reports false when the socket
// does not answer.
func (r *Runtimes) prime(ctx context.Context, s *socket) bool {
	r.tellNamespaces(s)
	var found []container.Question
	list, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	err := s.client.List(list, func(q container.Question) {
		if len(found) < r.cfg.Max {
			found = append(found, q)
		}
	})
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			r.fail(s, err)
		}
		return false
	}
	r.succeed(s)
	for _, q := range found {
		if ctx.Err() != nil {
			break
		}
		i, err := r.inspect(s, q)
		switch {
		case err == nil:
			r.deliver(i, &q)
		case !errors.Is(err, container.ErrUnknown):
			return false
		}
	}
	return true
}

// happened takes an event of a runtime.
func (r *Runtimes) happened(s *socket, e container.Event) {
	switch {
	case e.Namespaces:
		r.tellNamespaces(s)
	case !r.cfg.Follows(e.Hook):
	case e.Hook == container.HookRemove:
		r.mail.Put(container.Update{Removed: e.Question})
	default:
		r.push(ask{Question: e.Question, news: true})
	}
}

// tellNamespaces hands on which namespaces containerd has, over all sockets.
func (r *Runtimes) tellNamespaces(s *socket) {
	n, ok := s.client.(namespacer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	names, err := n.Namespaces(ctx)
	if err != nil {
		return // the listing that follows fails likewise, and says so
	}
	r.mu.Lock()
	r.names[s.path] = names
	all := []string{}
	for _, l := range r.names {
		all = append(all, l...)
	}
	r.mu.Unlock()
	slices.Sort(all)
	r.mail.Put(container.Update{Namespaces: slices.Compact(all)})
}
