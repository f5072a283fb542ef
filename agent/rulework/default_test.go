// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/tiercel/tiercel/agent/cmdline"
)

// The default rules do what their tests say.
func TestDefaultRules(t *testing.T) {
	var out bytes.Buffer
	status, err := Test(Env{Stdout: &out}, &cmdline.Work{Files: []string{filepath.Join("..", "..", "rules", "default")}, Verbose: testing.Verbose()})
	if err != nil || status != StatusOK {
		t.Errorf("status %d: %v\n%s", status, err, out.String())
	}
	t.Log(out.String())
}
