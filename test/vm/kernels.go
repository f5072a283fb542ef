// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kernel is a row of the matrix.
type kernel struct {
	name  string
	match *regexp.Regexp // of its releases, as linux-image-RELEASE is named
	suite string         // whose compilers build its module
}

var kernels = []kernel{
	{"5.10", regexp.MustCompile(`^5\.10\.0-\d+-cloud-amd64$`), "bookworm"},
	{"6.1", regexp.MustCompile(`^6\.1\.0-\d+-cloud-amd64$`), "bookworm"},
	{"6.12", regexp.MustCompile(`^6\.12\.\d+\+deb12-cloud-amd64$`), "bookworm"},
	{"7", regexp.MustCompile(`^7\.\d+\.\d+\+deb13-cloud-amd64$`), "trixie"},
}

// kernelsNamed picks rows by name; none given means all.
func kernelsNamed(names []string) ([]kernel, error) {
	if len(names) == 0 {
		return kernels, nil
	}
	var out []kernel
	for _, n := range names {
		i := slices.IndexFunc(kernels, func(k kernel) bool { return k.name == n })
		if i < 0 {
			var known []string
			for _, k := range kernels {
				known = append(known, k.name)
			}
			return nil, fmt.Errorf("kernel %q is not in the matrix; there are %s", n, strings.Join(known, ", "))
		}
		out = append(out, kernels[i])
	}
	return out, nil
}

// newest returns the newest of the releases that the row takes, "" if none.
func (k kernel) newest(releases []string) string {
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
