// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"testing"
	"time"
)

func epoch(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.DateTime, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// history is releases as git names them, from the first to the last.
var history = []struct{ version, when, pkg, apk string }{
	{"0.1.0-dev+0abc", "2026-01-02 03:04:05", "0.1.0~dev+20260102030405.0abc", "0.1.0_pre20260102030405"},
	{"0.1.0-dev+0aaa", "2026-01-03 03:04:05", "0.1.0~dev+20260103030405.0aaa", "0.1.0_pre20260103030405"},
	{"0.1.0-rc.1", "2026-01-04 00:00:00", "0.1.0~rc.1", "0.1.0_rc1"},
	{"0.1.0-rc.1-3-gabc", "2026-01-05 00:00:00", "0.1.0~rc.1+3.gabc", "0.1.0_rc1_p3"},
	{"0.1.0", "2026-02-01 00:00:00", "0.1.0", "0.1.0"},
	{"0.1.0-5-g1234567", "2026-02-02 00:00:00", "0.1.0+5.g1234567", "0.1.0_p5"},
	{"0.1.0-5-g1234567-dirty", "2026-02-02 00:00:00", "0.1.0+5.g1234567.dirty", "0.1.0_p5"},
	{"0.1.1", "2026-03-01 00:00:00", "0.1.1", "0.1.1"},
	{"0.10.0-dirty", "2026-03-01 00:00:00", "0.10.0+dirty", "0.10.0"},
}

func TestVersionsAreThoseOfEachKindOfPackage(t *testing.T) {
	for _, c := range history {
		got, err := mapVersion(c.version, epoch(t, c.when))
		if err != nil || got.Pkg != c.pkg || got.APK != c.apk || got.Agent != c.version {
			t.Errorf("%s: %+v, %v; want %s and %s", c.version, got, err, c.pkg, c.apk)
		}
	}
}

func TestLaterVersionsAreGreaterForDpkg(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("needs dpkg")
	}
	for i := 1; i < len(history); i++ {
		before, after := history[i-1].pkg+"-1", history[i].pkg+"-1"
		if err := exec.Command("dpkg", "--compare-versions", before, "lt", after).Run(); err != nil {
			t.Errorf("%s is not less than %s: %v", before, after, err)
		}
	}
}

func TestVersionsThatMeanNothingAreRefused(t *testing.T) {
	for _, v := range []string{"", "dev", "v1.0.0", "1.0.0 beta", "1.0.0_1", "1.0.0-", "1.0.0+a/b", "1.0.0;rm"} {
		if got, err := mapVersion(v, 0); err == nil {
			t.Errorf("%q became %+v", v, got)
		}
	}
}

func FuzzMapVersion(f *testing.F) {
	for _, c := range history {
		f.Add(c.version)
	}
	f.Fuzz(func(t *testing.T, v string) {
		got, err := mapVersion(v, 1e9)
		if err == nil && !versionForPackages.MatchString(got.Pkg) {
			t.Errorf("%q became %q, which no package manager takes", v, got.Pkg)
		}
	})
}
