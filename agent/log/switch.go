// SPDX-License-Identifier: Apache-2.0

package log

import (
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Switch is a logger whose options can change while it is used: whoever was
// handed the logger goes on with it.
type Switch struct {
	*zap.Logger
	core *atomic.Pointer[zapcore.Core]
}

// NewSwitch returns a logger that writes nothing yet.
func NewSwitch() *Switch {
	s := &Switch{core: new(atomic.Pointer[zapcore.Core])}
	none := zapcore.NewNopCore()
	s.core.Store(&none)
	s.Logger = zap.New(switchCore{current: s.core})
	return s
}

// Set puts options in force for all lines from now on.
func (s *Switch) Set(o Options) {
	next := o.core()
	if old := *s.core.Swap(&next); old != nil {
		closeCore(old)
	}
}

// switchCore hands lines to whatever core is the current one.
type switchCore struct {
	current *atomic.Pointer[zapcore.Core]
	fields  []zapcore.Field // of With
}

// Enabled implements zapcore.Core.
func (c switchCore) Enabled(l zapcore.Level) bool { return (*c.current.Load()).Enabled(l) }

// With implements zapcore.Core.
func (c switchCore) With(fields []zapcore.Field) zapcore.Core {
	return switchCore{c.current, append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

// Check implements zapcore.Core.
func (c switchCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c switchCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	core := *c.current.Load()
	if len(c.fields) > 0 {
		core = core.With(c.fields)
	}
	// The parts of a tee have levels of their own, which only Check looks at.
	if ce := core.Check(e, nil); ce != nil {
		ce.Write(fields...)
	}
	return nil
}

// Sync implements zapcore.Core.
func (c switchCore) Sync() error { return (*c.current.Load()).Sync() }
