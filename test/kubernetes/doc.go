// SPDX-License-Identifier: Apache-2.0

// Package kubernetes tries the manifests and the chart on a real Kubernetes of
// one node, which it builds of the published modules and runs on this machine,
// in a mount and a network namespace of its own: make k8stest.
package kubernetes
