// SPDX-License-Identifier: Apache-2.0

// Package reload tells when the files that a run was made from have changed:
// edited in place, replaced by a rename as editors do it, or reached through
// symbolic links that now lead elsewhere, as Kubernetes swaps mounted
// configuration. It watches by inotify and looks for itself now and then, which
// alone has to do where inotify is exhausted or blind. What the change means is
// for others to say.
package reload
