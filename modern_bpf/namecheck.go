// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "sync/atomic"

// SetNameCheck says of which processes the names of opened files are held
// against the files: of those with company (threads, shared memory or
// descriptors), which could have tampered with the name, or of all. Where name
// and file disagree, which they do behind a symbolic link, the open is told
// twice, first with the name that was given, then with the file's own. With all,
// the same goes for chdir(2), and for its relative names always.
//
// It may be called at any time and holds until the next call.
func (d *Driver) SetNameCheck(all bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	var v uint32
	if all {
		v = 1
	}
	atomic.StoreUint32(&d.shared.control.AllNames, v)
	return nil
}
