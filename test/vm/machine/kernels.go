// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Row is a row of the matrix: the newest kernel of a line.
type Row struct {
	Name   string
	match  *regexp.Regexp // of its releases, as linux-image-RELEASE is named
	suites []string       // that have it; versions vanish from them, so the newest is looked up
	Suite  string         // whose compilers build its module
	Arch   *Arch
}

var (
	bullseye = []string{"debian-security bullseye-security"}
	bookworm = []string{"debian bookworm", "debian-security bookworm-security"}
	trixie   = []string{"debian trixie-backports"}
)

// Rows are the kernels that there are tests on, the oldest first.
var Rows = []Row{
	{"5.10", regexp.MustCompile(`^5\.10\.0-\d+-cloud-amd64$`), bullseye, "bookworm", AMD64},
	{"6.1", regexp.MustCompile(`^6\.1\.0-\d+-cloud-amd64$`), bookworm, "bookworm", AMD64},
	{"6.12", regexp.MustCompile(`^6\.12\.\d+\+deb12-cloud-amd64$`), bookworm, "bookworm", AMD64},
	{"7", regexp.MustCompile(`^7\.\d+\.\d+\+deb13-cloud-amd64$`), trixie, "trixie", AMD64},
	{"6.1-arm64", regexp.MustCompile(`^6\.1\.0-\d+-cloud-arm64$`), bookworm, "bookworm", ARM64},
	{"6.12-arm64", regexp.MustCompile(`^6\.12\.\d+\+deb12-cloud-arm64$`), bookworm, "bookworm", ARM64},
}

// Named picks rows by name; an architecture names all its rows, and no name at
// all means every row.
func Named(names []string) ([]Row, error) {
	if len(names) == 0 {
		return Rows, nil
	}
	var out []Row
	for _, n := range names {
		found := false
		for _, k := range Rows {
			if k.Name == n || k.Arch.Name == n {
				out, found = append(out, k), true
			}
		}
		if !found {
			var known []string
			for _, k := range Rows {
				known = append(known, k.Name)
			}
			return nil, fmt.Errorf("kernel %q is not in the matrix; there are %s", n, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// Kernel is a kernel that is there to be booted.
type Kernel struct {
	Row
	Release string
	Image   string   // its vmlinuz
	Root    string   // where its packages are unpacked
	Archive *Archive // has its headers
}

// KernelArchive is where the packages of the row's kernel come from, built for
// an architecture: what a kernel is built with runs on another than the kernel.
func (k Row) KernelArchive(cache string, arch *Arch) (*Archive, error) {
	codename, _, _ := strings.Cut(k.suites[0][strings.Index(k.suites[0], " ")+1:], "-")
	return NewArchive(cache, "kernels-"+codename+"-"+arch.Name, arch.Name, k.suites...)
}

// FetchKernel brings the newest kernel of a row into the cache. Of kernels whose
// modules are a package of their own (7 and newer), they are left out.
func FetchKernel(cache string, row Row) (*Kernel, error) {
	a, err := row.KernelArchive(cache, row.Arch)
	if err != nil {
		return nil, err
	}
	releases, err := a.Releases()
	if err != nil {
		return nil, err
	}
	k := &Kernel{Row: row, Release: row.newest(releases), Archive: a}
	if k.Release == "" {
		return nil, &UnavailableError{fmt.Errorf("kernel %s: no package fits %s", row.Name, row.match)}
	}
	k.Root = filepath.Join(cache, "kernel-"+k.Release)
	if err := Once(k.Root, func(dir string) error {
		packages, err := a.KernelPackages("linux-image-" + k.Release)
		if err != nil {
			return err
		}
		var names []string
		for _, p := range packages {
			if !strings.HasPrefix(p, "linux-modules-") {
				names = append(names, p)
			}
		}
		return a.Fetch(dir, names...)
	}); err != nil {
		return nil, err
	}
	for _, place := range []string{"boot/vmlinuz-" + k.Release, "usr/lib/modules/" + k.Release + "/vmlinuz"} {
		if _, err := os.Stat(filepath.Join(k.Root, place)); err == nil {
			k.Image = filepath.Join(k.Root, place)
		}
	}
	if k.Image == "" {
		return nil, fmt.Errorf("kernel %s: the packages of %s hold no vmlinuz", row.Name, k.Release)
	}
	return k, nil
}

// newest returns the newest of the releases that the row takes, "" if none.
func (k Row) newest(releases []string) string {
	best := ""
	for _, r := range releases {
		if k.match.MatchString(r) && (best == "" || older(best, r)) {
			best = r
		}
	}
	return best
}

var digits = regexp.MustCompile(`\d+`)

// older compares the numbers in two releases, in order.
func older(a, b string) bool {
	na, nb := digits.FindAllString(a, -1), digits.FindAllString(b, -1)
	for i := range min(len(na), len(nb)) {
		x, _ := strconv.Atoi(na[i])
		y, _ := strconv.Atoi(nb[i])
		if x != y {
			return x < y
		}
	}
	return len(na) < len(nb)
}
