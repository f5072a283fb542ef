// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"os"
	"path/filepath"
	"strings"
)

// DKMS is what DKMS has made of one version of the module's sources for one
// kernel.
type DKMS struct {
	Version string    `json:"version"`
	State   DKMSState `json:"state"`
	Log     string    `json:"log,omitempty"` // of a build that failed
	release string
}

// DKMSState says how far DKMS has come.
type DKMSState string

// States, as dkms status calls them; failed is ours.
const (
	DKMSAdded     DKMSState = "added" // not built for this kernel
	DKMSFailed    DKMSState = "failed"
	DKMSBuilt     DKMSState = "built"
	DKMSInstalled DKMSState = "installed"
)

const dkmsTree = "/var/lib/dkms/" + ModuleName

// DKMSStates looks into DKMS's own tree; root is where / is. Nil means that
// DKMS is not there, or knows nothing of the module.
func DKMSStates(root, release string) []DKMS {
	entries, _ := os.ReadDir(root + dkmsTree)
	var out []DKMS
	for _, e := range entries {
		dir := dkmsTree + "/" + e.Name()
		if _, err := os.Lstat(root + dir + "/source"); err != nil {
			continue // what is called kernel-... points at the version that is installed
		}
		d := DKMS{Version: e.Name(), State: DKMSAdded, release: release}
		logFile := dir + "/build/make.log"
		switch built, _ := filepath.Glob(root + dir + "/" + release + "/*/module/" + ModuleName + ".ko*"); {
		case len(built) > 0 && installedByDKMS(root, e.Name(), release):
			d.State = DKMSInstalled
		case len(built) > 0:
			d.State = DKMSBuilt
		case isFailure(root+logFile, release):
			d.State, d.Log = DKMSFailed, logFile
		}
		out = append(out, d)
	}
	return out
}

// installedByDKMS reports whether DKMS's link for the kernel names the version.
func installedByDKMS(root, version, release string) bool {
	links, _ := filepath.Glob(root + dkmsTree + "/kernel-" + release + "-*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, version+"/"+release+"/") {
			return true
		}
	}
	return false
}

// isFailure reports whether the log is there, which DKMS keeps in this place
// only while it builds and after a failure, and is about the kernel.
func isFailure(path, release string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	head, _, _ := strings.Cut(string(b), "\n")
	return strings.Contains(head, " "+release+" ")
}

// Advice says the state in words, and what to do about it.
func (d DKMS) Advice() string {
	install := "dkms install " + ModuleName + "/" + d.Version + " -k " + d.release
	switch d.State {
	case DKMSInstalled:
		return "is built and installed for this kernel"
	case DKMSBuilt:
		return "is built for this kernel, but not installed (" + install + ")"
	case DKMSFailed:
		return "failed to build for this kernel; " + d.Log + " says why (then: " + install + ")"
	}
	return "is not built for this kernel (" + install + ", which needs its headers)"
}
