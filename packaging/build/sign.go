// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// passphraseName is the variable of the passphrase. Only what signs is given it, and
// nothing prints it.
const passphraseName = "SIGN_PASSPHRASE"

// signer signs packages; nil does not.
type signer struct {
	pgp        string // file of the secret key for deb, rpm and the sums; "": none
	rsa        string // that for apk
	passphrase string
}

// prepare checks before anything is compiled that the keys can sign.
func (s *signer) prepare(ctx context.Context, program, work string) (err error) {
	if s == nil {
		return nil
	}
	for _, file := range []*string{&s.pgp, &s.rsa} {
		if *file == "" {
			continue
		}
		// nfpm runs in folders of its own.
		if *file, err = filepath.Abs(*file); err != nil {
			return err
		}
		if _, err := os.Stat(*file); err != nil {
			return fmt.Errorf("the key to sign with: %w", err)
		}
	}
	if s.pgp == "" {
		return nil
	}
	trial := filepath.Join(work, "trial")
	if err := os.WriteFile(trial, nil, 0o600); err != nil {
		return err
	}
	return s.sums(ctx, program, trial)
}

// key is the file of the key for a kind of packages.
func (s *signer) key(format string) string {
	switch {
	case s == nil:
		return ""
	case format == "apk":
		return s.rsa
	}
	return s.pgp
}

// environ is what programs that sign find in their environment.
func (s *signer) environ() []string {
	if s == nil || s.passphrase == "" {
		return nil
	}
	return []string{"NFPM_PASSPHRASE=" + s.passphrase, passphraseName + "=" + s.passphrase}
}

// sums signs a file: its signature is beside it, with .asc behind the name.
func (s *signer) sums(ctx context.Context, program, file string) error {
	if s == nil || s.pgp == "" {
		return nil
	}
	c := exec.CommandContext(ctx, program, "-key", s.pgp, file)
	c.Env = append(os.Environ(), s.environ()...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("sign: %w\n%s", err, out)
	}
	return nil
}
