// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap/plane"
)

// Mirrors of module/abi.h; a test compares both.
const (
	apiVersion = 2
	devicePath = "/dev/tiercel"

	schemaSize  = 16
	versionSize = 64
)

type (
	abiInfo struct {
		API          uint32
		PossibleCPUs uint32
		Tracepoints  uint64
		Schema       [schemaSize]byte
		Version      [versionSize]byte
	}
	abiSetup struct {
		RingBytes   uint32
		CPUsPerRing uint32
		Snaplen     uint32
		Flags       uint32
		BootOffset  int64
		FullFirst   uint16
		FullLast    uint16
		Statsd      uint16
		_           uint16
		WakeLevel   uint32
		Rings       uint32
	}
	abiRing struct {
		Index uint32
		FD    int32
		CPU   uint32
		_     uint32
	}
	abiStats struct {
		CPU            uint32
		_              uint32
		Seen           uint64
		Delivered      uint64
		DropsRing      uint64
		DropsPage      uint64
		DropsScratch   uint64
		DropsRecursion uint64
		Faults         uint64
		Sampled        uint64
		DropsClass     [8]uint64
	}
	abiDrops struct {
		ByCall [512]uint64
	}
)

const (
	setupDropFailed = 1 << iota
	setupReportSelf
	setupDynamic
)

// Numbers of ioctls are built as asm-generic/ioctl.h does.
const (
	iocWrite = 1
	iocRead  = 2
)

func ioc(dir, nr uint, size uintptr) uint { return dir<<30 | uint(size)<<16 | 0xb5<<8 | nr }

var (
	iocInfo     = ioc(iocRead, 1, unsafe.Sizeof(abiInfo{}))
	iocSetup    = ioc(iocRead|iocWrite, 2, unsafe.Sizeof(abiSetup{}))
	iocRing     = ioc(iocRead|iocWrite, 3, unsafe.Sizeof(abiRing{}))
	iocSelect   = ioc(iocWrite, 4, unsafe.Sizeof(plane.Plane{}))
	iocStart    = ioc(0, 5, 0)
	iocStop     = ioc(0, 6, 0)
	iocSampling = ioc(iocWrite, 7, 4)
	iocSnaplen  = ioc(iocWrite, 8, 4)
	iocStats    = ioc(iocRead|iocWrite, 9, unsafe.Sizeof(abiStats{}))
	iocDrops    = ioc(iocRead, 10, unsafe.Sizeof(abiDrops{}))
	iocNames    = ioc(iocWrite, 11, 4)
)

func ioctl(fd int, nr uint, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(nr), uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}

// Info is what a loaded module says of itself.
type Info struct {
	API         uint32
	Schema      string // see Schema
	Version     string // of the release that it was built from
	Tracepoints uint64 // bits of package plane: those that the kernel has
	CPUs        int    // possible ones
}

func readInfo(fd int) (Info, error) {
	var a abiInfo
	if err := ioctl(fd, iocInfo, unsafe.Pointer(&a)); errors.Is(err, unix.ENOTTY) {
		return Info{}, fmt.Errorf("%s does not know the question for its version: it belongs to somebody else's module; end that one with rmmod, "+
			"then load ours with tiercel driver load kmod (%w)", devicePath, err)
	} else if err != nil {
		return Info{}, fmt.Errorf("ask the module for its version: %w", err)
	}
	return Info{API: a.API, Schema: cstring(a.Schema[:]), Version: cstring(a.Version[:]), Tracepoints: a.Tracepoints, CPUs: int(a.PossibleCPUs)}, nil
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// Check says whether this program can work with the module; if not, the error
// is a VersionError.
func (i Info) Check() error {
	schema, err := Schema()
	if err != nil {
		return err
	}
	if i.API == apiVersion && i.Schema == schema {
		return nil
	}
	return &VersionError{Loaded: i, API: apiVersion, Schema: schema}
}

// VersionError refuses a module that was built from other sources.
type VersionError struct {
	Loaded Info
	API    uint32
	Schema string
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the loaded module is of another version (%s: interface %d, events %s; needed: %d, %s); "+
		"unload it (tiercel driver unload kmod), then build and load the one of this release (tiercel driver build kmod, tiercel driver load kmod)",
		e.Loaded.Version, e.Loaded.API, e.Loaded.Schema, e.API, e.Schema)
}
