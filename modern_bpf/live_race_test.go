// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// racer compiles testdata/race.c.
func racer(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc to compile testdata/race.c")
	}
	bin := filepath.Join(t.TempDir(), "race")
	out, err := exec.Command("gcc", "-O1", "-pthread", "-static", "-o", bin, "testdata/race.c").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// try is what the events between two of the racer's marks told.
type try struct{ names, addrs []string }

// race runs the racer and returns its own account, and what the events told of
// each of its tries. The error says why a busy machine made nothing of it.
func race(t *testing.T, d *Driver, bin, what string, tries int, dir string) (account string, told []try, err error) {
	t.Helper()
	lost := drops(t, d)
	cmd := exec.Command(bin, what, fmt.Sprint(tries), dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := int64(cmd.Process.Pid)
	told = make([]try, tries)
	at := 0
	begin := time.Now()
	for at < tries && time.Since(begin) < 30*time.Second {
		read(t, d, 100*time.Millisecond, func(ev *scap.Event) bool {
			if ev.TID() != pid {
				return false
			}
			switch ev.Type() {
			case scap.EvFlockX:
				if fd, _ := ev.Int(1); fd <= -1000 {
					at = int(-1000-fd) + 1
				}
			case scap.EvOpenX, scap.EvOpenatV2X, scap.EvOpenat2X, scap.EvCreatX:
				for i, p := range ev.Info().Params {
					if s, _ := ev.Str(i); p.Name == "name" && at < tries {
						told[at].names = append(told[at].names, filepath.Base(s))
					}
				}
			case scap.EvConnectX:
				// The far end of an IPv4 tuple.
				if p := ev.Param(1); len(p) == 13 && at < tries {
					told[at].addrs = append(told[at].addrs, fmt.Sprint(p[10]))
				}
			}
			return at >= tries
		})
	}
	if at < tries {
		cmd.Process.Kill()
		cmd.Wait()
		return "", nil, fmt.Errorf("%d tries in %v", at, time.Since(begin))
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if after := drops(t, d); after > lost {
		return "", nil, fmt.Errorf("%d events were lost", after-lost)
	}
	return strings.TrimSpace(out.String()), told, nil
}

// score counts tries: those that used the hidden object, those of them that were
// not told, those that used the other object and were not told, and those that
// were told twice.
type score struct{ tries, hidden, evaded, other, twice int }

// judge adds what has become of a race.
func (s *score) judge(what, account string, told []try) {
	s.tries += len(account)
	for i, how := range strings.ToLower(account) {
		really, got := map[rune]string{'b': "open.baad", 'g': "open.good"}[how], told[i].names
		if strings.HasPrefix(what, "connect") {
			really, got = map[rune]string{'b': "1", 'g': "2"}[how], told[i].addrs
		}
		if really == "" {
			continue // a failed call has no object
		}
		if len(got) > 1 {
			s.twice++
		}
		found := slices.Contains(got, really)
		switch {
		case how == 'b' && found:
			s.hidden++
		case how == 'b':
			s.hidden++
			s.evaded++
		case !found:
			s.other++
		}
	}
}

// The same race without the check is won: the one above can fail.
func TestLiveRaceIsWonWithoutTheCheck(t *testing.T) {
	d := running(t, Options{without: []string{tailPrograms[tailTruth].name}}, scap.SCOpenat, scap.SCFlock)
	bin, dir := racer(t), raceDir(t)
	if s := races(t, d, bin, "openat-rewrite", dir, func(s *score) bool { return s.evaded > 0 }); s.evaded == 0 {
		t.Errorf("all hidden objects were told: %+v", *s)
	}
}

// races repeats a race until enough has happened in it. A thread that gets no CPU
// beside the other one makes a race of few encounters, and of none that count
// where events were lost; another try costs little.
func races(t *testing.T, d *Driver, bin, what, dir string, enough func(*score) bool) *score {
	t.Helper()
	s := new(score)
	begin := time.Now()
	for round := 0; round < 5 || time.Since(begin) < time.Minute && round < 50; round++ {
		account, told, err := race(t, d, bin, what, raceTries, dir)
		if err != nil {
			t.Logf("once more, this machine is busy: %v", err)
			continue
		}
		if s.judge(what, account, told); enough(s) {
			break
		}
	}
	return s
}

const raceTries = 2000

func raceDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []string{"open.good", "open.baad"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func drops(t *testing.T, d *Driver) uint64 {
	t.Helper()
	var st scap.Stats
	if err := d.Stats(&st); err != nil {
		t.Fatal(err)
	}
	return st.Drops()
}

// One thread makes calls, another one rewrites their argument or puts another
// object under the descriptor: the object that was really used is always told.
func TestLiveRacesAreLost(t *testing.T) {
	d := running(t, Options{}, scap.SCOpen, scap.SCOpenat, scap.SCOpenat2, scap.SCCreat, scap.SCConnect, scap.SCFlock)
	bin := racer(t)
	dir := raceDir(t)
	for _, what := range []string{
		"openat-rewrite", "openat2-rewrite", "creat-rewrite", "open-rewrite", "openat-replace",
		"connect-udp-rewrite", "connect-tcp-rewrite", "connect-tcp-replace",
	} {
		t.Run(what, func(t *testing.T) {
			if native(scap.SCOpen) == none && (strings.HasPrefix(what, "open-") || strings.HasPrefix(what, "creat-")) {
				t.Skip("this architecture lacks the call")
			}
			const want = raceTries / 20
			s := races(t, d, bin, what, dir, func(s *score) bool { return s.hidden >= want })
			t.Logf("%d tries, %d used the hidden object, %d of them were not told; %d of the rest; %d calls were told twice",
				s.tries, s.hidden, s.evaded, s.other, s.twice)
			if s.hidden < want {
				t.Errorf("the race hardly took place: %d encounters in %d tries", s.hidden, s.tries)
			}
			if s.evaded*1000 > s.hidden || s.other*1000 > s.tries {
				t.Errorf("%d of %d hidden objects and %d others were not told", s.evaded, s.hidden, s.other)
			}
		})
	}
}

// A link of /proc leads to objects that have no path, namespaces and pipes: they
// are no reason to tell a call twice. A file without a directory entry is one.
func TestLiveOnlyObjectsWithAPathAreToldBesideTheName(t *testing.T) {
	d := running(t, Options{}, scap.SCOpenat, scap.SCDup)
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	memfd, err := unix.MemfdCreate("told", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(memfd)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for _, c := range []struct {
		name  string
		flags int
		want  []string
	}{
		{"/proc/self/ns/uts", unix.O_RDONLY, []string{"/proc/self/ns/uts"}},
		{fmt.Sprintf("/proc/self/fd/%d", pipe[1]), unix.O_WRONLY, []string{fmt.Sprintf("/proc/self/fd/%d", pipe[1])}},
		{fmt.Sprintf("/proc/self/fd/%d", memfd), unix.O_RDWR, []string{fmt.Sprintf("/proc/self/fd/%d", memfd), "/memfd:told"}},
		{link, unix.O_RDONLY, []string{link, "/etc/passwd"}},
	} {
		var names []string
		tid := onThread(func() {
			fd, err := unix.Open(c.name, c.flags|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Error(err)
			}
			mark, _ := unix.Dup(fd) // comes behind all that the open is told as
			unix.Close(mark)
			unix.Close(fd)
		})
		read(t, d, 3*time.Second, func(ev *scap.Event) bool {
			if ev.TID() != int64(tid) {
				return false
			}
			if ev.Type() == scap.EvOpenatV2X {
				s, _ := ev.Str(2)
				names = append(names, s)
			}
			return ev.Type() == scap.EvDupV1X
		})
		if !slices.Equal(names, c.want) {
			t.Errorf("open of %s is told as %q, want %q", c.name, names, c.want)
		}
	}
}
