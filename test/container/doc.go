// SPDX-License-Identifier: Apache-2.0

// Package container tests containers against the real runtimes: dockerd,
// containerd (its own API and the CRI) and Podman are started on sockets and
// folders of their own, run containers of an image that is made here, and the
// agent, also a real one, has to know everything about them. Nothing is
// fetched, and nothing is left behind.
package container
