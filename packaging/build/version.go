// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// versions is one release in the words of each kind of package, such that a
// later one is also the greater one there.
type versions struct {
	Agent string // what the binary says of itself
	Pkg   string // deb and rpm
	APK   string
}

var (
	versionForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$`)
	describe    = regexp.MustCompile(`^(?:(.+)-)?([0-9]+)-(g[0-9a-f]+)$`)
	// versionForPackages is what dpkg and rpm take alike.
	versionForPackages = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~]*$`)
	apkSuffix          = regexp.MustCompile(`^(alpha|beta|rc)\.?([0-9]*)$`)
)

// mapVersion takes what the Makefile calls the version: a tag without its v, what
// `git describe` says behind a tag, or 0.1.0-dev+COMMIT. A development version gets
// the time of its commit, because commits have no order that a package could see.
func mapVersion(v string, epoch int64) (versions, error) {
	m := versionForm.FindStringSubmatch(v)
	if m == nil {
		return versions{}, fmt.Errorf("version %q: it must look like 1.2.3, 1.2.3-rc.1 or 1.2.3-dev+COMMIT", v)
	}
	base, pre, meta := m[1], m[2], m[3]
	var after []string // what makes it later than the release
	pre, dirty := strings.CutSuffix(pre, "-dirty")
	if pre == "dirty" {
		pre, dirty = "", true
	}
	apk := base
	commits := ""
	if d := describe.FindStringSubmatch(pre); d != nil {
		pre, commits = d[1], d[2]
		after = append(after, d[2], d[3])
	}
	stamp := time.Unix(epoch, 0).UTC().Format("20060102150405")
	pkg := base
	switch {
	case pre == "dev":
		pkg += "~dev"
		after = append([]string{stamp}, after...)
		apk += "_pre" + stamp
	case pre != "":
		pkg += "~" + strings.ReplaceAll(pre, "-", ".")
		if s := apkSuffix.FindStringSubmatch(pre); s != nil {
			apk += "_" + s[1] + s[2]
		} else {
			apk += "_pre"
		}
	}
	if commits != "" {
		apk += "_p" + commits
	}
	if meta != "" {
		after = append(after, strings.ReplaceAll(meta, "-", "."))
	}
	if dirty {
		after = append(after, "dirty")
	}
	if len(after) > 0 {
		pkg += "+" + strings.Join(after, ".")
	}
	if !versionForPackages.MatchString(pkg) {
		return versions{}, fmt.Errorf("version %q: packages cannot have it", v)
	}
	return versions{Agent: v, Pkg: pkg, APK: apk}, nil
}

// parseEpoch reads seconds since 1970.
func parseEpoch(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q are no seconds since 1970: set SOURCE_DATE_EPOCH, or build in a git clone", s)
	}
	return n, nil
}
