// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	modernbpf "github.com/tiercel/tiercel/modern_bpf"
)

// ErrNotBuilt says that there is no probe for the running kernel.
var ErrNotBuilt = errors.New("the legacy probe is not built for this kernel")

// Open loads the probe that was built for the running kernel and from the
// sources of this program; OpenFile that in a file. Options mean what they mean
// for modernbpf.Open, but every CPU has a ring of its own.
func Open(opts modernbpf.Options) (*modernbpf.Driver, error) {
	release := running()
	if release == "" {
		return nil, errors.New("open bpf: the kernel does not tell its release")
	}
	paths, err := BuiltPaths(release)
	if err != nil {
		return nil, fmt.Errorf("open bpf: %w", err)
	}
	d, err := OpenFile(paths[0], opts)
	if !errors.Is(err, ErrNotBuilt) {
		return d, err
	}
	if d, other := OpenFile(paths[1], opts); !errors.Is(other, ErrNotBuilt) {
		return d, other
	}
	return nil, err
}

// OpenFile loads the probe in the file. See Open.
func OpenFile(path string, opts modernbpf.Options) (*modernbpf.Driver, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open bpf: %s: %w; tiercel driver build bpf makes it", path, ErrNotBuilt)
	}
	if err != nil {
		return nil, fmt.Errorf("open bpf: %w", err)
	}
	defer f.Close()
	return modernbpf.OpenLegacy(opts, f)
}
