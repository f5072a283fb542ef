// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// NotSupportedError says that the running kernel lacks something. It matches
// errors.ErrUnsupported.
type NotSupportedError struct {
	Feature string // what is missing
	Since   string // the first kernel release that has it
	Hint    string // what can be done
	Err     error  // what the kernel answered
}

func (e *NotSupportedError) Error() string {
	return fmt.Sprintf("%s: not supported by this kernel, needs Linux %s (%s): %v", e.Feature, e.Since, e.Hint, e.Err)
}

func (e *NotSupportedError) Unwrap() []error { return []error{errors.ErrUnsupported, e.Err} }

// PermissionError says that the process may not use eBPF. It matches
// fs.ErrPermission through the error of the kernel.
type PermissionError struct {
	Doing string
	Hint  string // what can be done; "": the capabilities that eBPF takes
	Err   error
}

func (e *PermissionError) Error() string {
	hint := e.Hint
	if hint == "" {
		hint = "run as root or with CAP_BPF and CAP_PERFMON; in a container, add these capabilities"
	}
	return fmt.Sprintf("%s: %v (%s)", e.Doing, e.Err, hint)
}

func (e *PermissionError) Unwrap() error { return e.Err }

func isPermission(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// enotsupp is what the kernel says where it should not let it out: no errno of
// user space (linux/errno.h).
const enotsupp = unix.Errno(524)

func isUnsupported(err error) bool {
	for _, e := range []error{ebpf.ErrNotSupported, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, enotsupp} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain makes the kernel's answer to the use of a feature say what to do.
// Answers that tell neither of privilege nor of support are passed on.
func explain(err error, doing, feature, since, hint string) error {
	switch {
	case isPermission(err):
		// The library's words around it guess at the memory limit, which it is not.
		var errno unix.Errno
		if errors.As(err, &errno) {
			err = errno
		}
		return &PermissionError{Doing: doing, Err: err}
	case isUnsupported(err):
		return &NotSupportedError{Feature: feature, Since: since, Hint: hint, Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
