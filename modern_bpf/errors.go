// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"

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
	Err   error
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s: %v (run as root, or with CAP_BPF and CAP_PERFMON; in a container add these capabilities; kernels before 5.8 need CAP_SYS_ADMIN)", e.Doing, e.Err)
}

func (e *PermissionError) Unwrap() error { return e.Err }

func isPermission(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// explain makes the kernel's answer to the use of a feature say what to do.
func explain(err error, doing, feature, since, hint string) error {
	if isPermission(err) {
		return &PermissionError{Doing: doing, Err: err}
	}
	return &NotSupportedError{Feature: feature, Since: since, Hint: hint, Err: err}
}
