// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// Options of a Watcher. The zero value is good.
type Options struct {
	Debounce time.Duration // nothing may happen for that long before a change is told; 0: 100 ms
	// Poll is how often the files are looked at where inotify is not to be had;
	// 0: 2 s. Where it is, they are looked at too, but seldom: there are file
	// systems whose changes it does not see.
	Poll time.Duration
	// Notify replaces what opens inotify.
	Notify func() (*fsnotify.Watcher, error)
}

const (
	// seldom is how much rarer files are looked at beside inotify.
	seldom = 15
	// patience is how many debounce times a change is held back at most while
	// the files go on changing.
	patience = 20
)

// Watcher tells of changes. All its methods may be called from any goroutine.
type Watcher struct {
	opts    Options
	changed chan struct{}
	trigger chan struct{}
	set     chan request
	quit    chan struct{}
	done    chan struct{}
	dirty   atomic.Bool
	polling atomic.Pointer[error]

	// Owned by run.
	paths  Paths
	names  map[step]bool     // whose change may change a file
	inside map[string]string // folders watched for their entries: where they are, as they are named
	files  map[string]bool   // files that are watched themselves
	seen   snapshot
	notify *fsnotify.Watcher
}

type request struct {
	paths Paths
	other chan bool
}

// New starts a watcher that watches nothing yet. It has to be closed.
func New(o Options) *Watcher {
	if o.Debounce == 0 {
		o.Debounce = 100 * time.Millisecond
	}
	if o.Poll == 0 {
		o.Poll = 2 * time.Second
	}
	if o.Notify == nil {
		o.Notify = fsnotify.NewWatcher
	}
	w := &Watcher{
		opts: o, changed: make(chan struct{}, 1), trigger: make(chan struct{}, 1), set: make(chan request),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go w.run()
	return w
}

// Set replaces what is watched, and reports whether that is something else than
// before. What changes after it has returned is told of; what was read before a
// Set that reports true may have changed unseen.
func (w *Watcher) Set(p Paths) (other bool) {
	r := request{p.absolute(), make(chan bool, 1)}
	select {
	case w.set <- r:
		return <-r.other
	case <-w.done:
		return false
	}
}

// Changed has a value when something changed, and then kept quiet for the
// debounce time. Changes that nobody has taken notice of count as one.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Trigger acts as if a file had changed.
func (w *Watcher) Trigger() {
	select {
	case w.trigger <- struct{}{}:
	default:
	}
}

// Dirty reports whether something changed since Changed had its last value:
// what was read in between may be of two ages.
func (w *Watcher) Dirty() bool { return w.dirty.Load() }

// Polling returns why files are only looked at now and then instead of watched
// by inotify, nil when they are watched.
func (w *Watcher) Polling() error {
	if e := w.polling.Load(); e != nil {
		return *e
	}
	return nil
}

// Close ends the watcher.
func (w *Watcher) Close() {
	close(w.quit)
	<-w.done
}

func (w *Watcher) run() {
	defer close(w.done)
	defer w.closeNotify()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	poll := time.NewTimer(w.pace())
	defer poll.Stop()
	var since time.Time // of the first change that was not told yet; zero: none
	change := func() {
		now := time.Now()
		if !w.dirty.Swap(true) || since.IsZero() {
			since = now
		}
		quiet.Reset(min(w.opts.Debounce, max(0, since.Add(patience*w.opts.Debounce).Sub(now))))
	}
	for {
		events, errs := w.streams()
		select {
		case e := <-events:
			if w.matters(e) {
				change()
			}
		case err := <-errs:
			// The queue ran over, or inotify is broken: anything may have happened.
			if err != nil && !w.seen.equal(take(w.paths.all())) {
				change()
			}
		case <-w.trigger:
			change()
		case <-poll.C:
			if !w.seen.equal(take(w.paths.all())) {
				change()
			}
			poll.Reset(w.pace())
		case <-quiet.C:
			since = time.Time{}
			w.dirty.Store(false)
			w.refresh() // links may lead elsewhere
			select {
			case w.changed <- struct{}{}:
			default:
			}
		case r := <-w.set:
			other := !w.paths.equal(&r.paths)
			w.paths = r.paths
			if other {
				w.refresh()
				poll.Reset(w.pace())
			}
			r.other <- other
		case <-w.quit:
			return
		}
	}
}

func (w *Watcher) streams() (chan fsnotify.Event, chan error) {
	if w.notify == nil {
		return nil, nil
	}
	return w.notify.Events, w.notify.Errors
}

func (w *Watcher) pace() time.Duration {
	if w.notify == nil {
		return w.opts.Poll
	}
	return seldom * w.opts.Poll
}

// refresh watches what the paths lead through now. It begins anew each time: a
// watch follows its file, and the name may stand for another one by now.
func (w *Watcher) refresh() {
	w.names, w.inside, w.files = map[step]bool{}, map[string]string{}, map[string]bool{}
	var old *fsnotify.Watcher
	old, w.notify = w.notify, nil
	if len(w.paths.Files)+len(w.paths.Folders) > 0 {
		notify, err := w.opts.Notify()
		if err == nil {
			w.notify = notify
			err = w.watchAll()
		}
		if err != nil {
			w.closeNotify()
		}
		w.setPolling(err)
	}
	w.seen = take(w.paths.all())
	if old != nil {
		old.Close()
	}
}

func (w *Watcher) setPolling(err error) {
	if err == nil {
		w.polling.Store(nil)
		return
	}
	w.polling.Store(&err)
}

func (w *Watcher) closeNotify() {
	if w.notify != nil {
		w.notify.Close()
		w.notify = nil
	}
}

// watchAll watches folders rather than files, since most changes are made by
// putting another file in the place of the old one; and the files too, since a
// file that is mounted by itself is changed where we do not see its folder.
func (w *Watcher) watchAll() error {
	watch := map[string]bool{}
	follow := func(path string) (end string) {
		for _, s := range route(path) {
			w.names[s] = true
			watch[s.folder] = true
			end = filepath.Join(s.folder, s.name)
		}
		return end
	}
	for _, dir := range w.paths.Folders {
		end := follow(dir)
		w.inside[end] = dir
		watch[end] = true
	}
	for _, path := range w.paths.all() {
		end := follow(path)
		w.files[end] = true
		watch[end] = true
	}
	for path := range watch {
		err := w.notify.Add(path)
		// What is not there, or may not be read, cannot be watched; its folder is.
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// matters reports whether an event is about something that a path leads through.
func (w *Watcher) matters(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod || e.Op == 0 {
		return false // the content is the same
	}
	folder, name := filepath.Split(e.Name)
	folder = filepath.Clean(folder)
	if w.files[e.Name] || w.names[step{folder, name}] {
		return true
	}
	if _, whole := w.inside[e.Name]; whole {
		return true // the folder itself was moved or removed
	}
	named, ok := w.inside[folder]
	return ok && w.paths.wants(filepath.Join(named, name))
}

// gone reports whether an error says that there is nothing that could be
// watched; the others say that inotify has no room.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
