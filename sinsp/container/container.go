// SPDX-License-Identifier: Apache-2.0

package container

// Container is one container that threads run in, shared by all of them. It
// belongs to the owner of its Table. A thread may keep it for as long as it
// likes, also when the table has forgotten it.
type Container struct {
	ID     string // as container.id prints it
	FullID string // as far as the control group tells; else that of the details
	Cgroup string // the path that it was recognized by

	key    key
	typ    Type
	status Status
	info   *Info
	gone   bool // the table has forgotten it
	asked  bool // the runtime was asked since the last answer

	deadline uint64 // ns of event time, when the question counts as unanswered
	retry    uint64 // ns of event time, when a runtime may be asked again
	failures int

	newer, older *Container // in the order of use
}

// Status says what is known of a container's details.
type Status uint8

// The states of details.
const (
	// Unasked: nobody can be asked, as in a capture that does not tell them.
	Unasked Status = iota
	// Pending: a runtime was asked and has not answered yet.
	Pending
	// Known: Info has them.
	Known
	// Missing: no runtime knows the container, or none answered in time.
	Missing
)

// String returns the word for s.
func (s Status) String() string {
	switch s {
	case Pending:
		return "pending"
	case Known:
		return "known"
	case Missing:
		return "missing"
	}
	return "unasked"
}

// Info returns the details, nil when they are not known. They may be those of
// before, while newer ones are asked for. A nil container has none.
func (c *Container) Info() *Info {
	if c == nil {
		return nil
	}
	return c.info
}

// Status returns what is known of the details.
func (c *Container) Status() Status {
	if c == nil {
		return Unasked
	}
	return c.status
}

// Type returns the runtime as the details name it, or as the control group
// suggests; Host for a nil container.
func (c *Container) Type() Type {
	if c == nil {
		return Host
	}
	if c.info != nil && c.info.Type != Unknown {
		return c.info.Type
	}
	return c.typ
}
