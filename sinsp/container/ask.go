// SPDX-License-Identifier: Apache-2.0

package container

import "errors"

// ErrUnknown is what a runtime answers that does not know a container.
var ErrUnknown = errors.New("the runtime does not know this container")

// ErrNoEvents is returned by a runtime that cannot tell what happens.
var ErrNoEvents = errors.New("the runtime tells no events")

// Event is something that a runtime says has happened to a container.
type Event struct {
	Hook       string // HookCreate, HookStart, HookRemove; "" with Namespaces
	Question   Question
	Namespaces bool // containerd's namespaces have changed
}

// LastApplied is the annotation in which kubectl keeps what it applied last.
const LastApplied = "kubectl.kubernetes.io/last-applied-configuration"
