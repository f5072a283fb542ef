// SPDX-License-Identifier: Apache-2.0

package tiercel

import (
	"os/exec"
	"strings"
	"testing"
)

// What CI says at its end names every test that failed, and why.
func TestTheFailuresOfALogAreToldWithTheirLastLines(t *testing.T) {
	log := `=== RUN   TestA
=== PAUSE TestA
=== RUN   TestB
    b_test.go:1: of B
--- PASS: TestB (0.00s)
=== CONT  TestA
=== RUN   TestA/sub
    a_test.go:3: bad
        and more
--- FAIL: TestA (0.00s)
    --- FAIL: TestA/sub (0.00s)
FAIL
FAIL	house/room	0.003s
=== RUN   TestB
` + strings.Repeat("    b_test.go:1: long ago\n", 50) + strings.Repeat("    b_test.go:2: last\n", 40) + `--- FAIL: TestB (0.00s)
FAIL
FAIL	house/attic	0.002s
=== RUN   TestC
panic: boom

goroutine 23 [running]:
FAIL	house/cellar	0.002s
--- FAIL: TestD (0.00s)
    d_test.go:1: without -v
FAIL
FAIL	house/garden	0.002s
ok  	house/door	0.002s
`
	cmd := exec.Command(".ci/failures")
	cmd.Stdin = strings.NewReader(log)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `--- FAIL: TestA  (house/room)
--- FAIL: TestA/sub  (house/room)
          a_test.go:3: bad
              and more
--- FAIL: TestB  (house/attic)
` + strings.Repeat("          b_test.go:2: last\n", 40) + `--- CRASH  (house/cellar)
      panic: boom
      
      goroutine 23 [running]:
--- FAIL: TestD  (house/garden)
          d_test.go:1: without -v
`
	if string(out) != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}
