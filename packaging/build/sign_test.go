// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const passphrase = "correct-horse-battery"

// throwAway makes a PGP key with a passphrase, by GnuPG, and returns the files of its
// secret and its public half.
func throwAway(t *testing.T) (secret, public string) {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // short: a socket's name goes into it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	gpg := func(args ...string) []byte {
		return output(t, "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase}, args...)...)
	}
	gpg("--quick-gen-key", "Packages <packages@example.org>", "rsa2048", "sign", "never")
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
	dir := t.TempDir()
	secret, public = filepath.Join(dir, "secret.asc"), filepath.Join(dir, "public.asc")
	for path, flag := range map[string]string{secret: "--export-secret-keys", public: "--export"} {
		if err := os.WriteFile(path, gpg("--armor", flag), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return secret, public
}

// keyring is the public key in the form that gpgv takes.
func keyring(t *testing.T, public string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "public.gpg")
	output(t, "gpg", "--homedir", t.TempDir(), "--batch", "--quiet", "--yes", "--output", path, "--dearmor", public)
	return path
}

func TestSignedPackagesAreVerifiedByTheirTools(t *testing.T) {
	if testing.Short() {
		t.Skip("builds packages")
	}
	if _, err := exec.LookPath("rpmkeys"); err != nil {
		t.Skip("needs rpmkeys")
	}
	secret, public := throwAway(t)
	rsaKey := filepath.Join(t.TempDir(), "apk.rsa")
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
	if err := os.WriteFile(rsaKey, block, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(passphraseName, passphrase)
	out := filepath.Join(t.TempDir(), "out")
	if err := buildIn("../..", out, "true", "amd64", "-formats", "deb,rpm,apk", "-sign-key", secret, "-sign-key-apk", rsaKey); err != nil {
		t.Fatal(err)
	}
	ring := keyring(t, public)
	output(t, "gpgv", "--keyring", ring, filepath.Join(out, sumsFile+".asc"), filepath.Join(out, sumsFile))

	packages, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range packages {
		switch filepath.Ext(path) {
		case ".deb":
			n++
			signedDeb(t, ring, path)
		case ".rpm":
			n++
			db := t.TempDir()
			if text, err := exec.Command("rpmkeys", "--dbpath", db, "--checksig", path).CombinedOutput(); err == nil {
				t.Errorf("%s is fine without the key: %s", path, text)
			}
			output(t, "rpmkeys", "--dbpath", db, "--import", public)
			if text := output(t, "rpmkeys", "--dbpath", db, "--checksig", "-v", path); !bytes.Contains(text, []byte("RSA/SHA256 Signature")) || bytes.Contains(text, []byte("NOKEY")) {
				t.Errorf("%s: %s", path, text)
			}
		case ".apk":
			n++
			if list := output(t, "tar", "-tzf", path); !bytes.HasPrefix(list, []byte(".SIGN.RSA.tiercel.rsa.pub\n")) {
				t.Errorf("%s is not signed: %.200s", path, list)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d packages in %v", n, packages)
	}
}

// signedDeb checks the signature that debsig-verify knows: over what the archive holds.
func signedDeb(t *testing.T, ring, path string) {
	dir := t.TempDir()
	c := exec.Command("ar", "x", path)
	c.Dir = dir
	if text, err := c.CombinedOutput(); err != nil {
		t.Skipf("needs ar: %v %s", err, text)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "[cd]*.tar*"))
	if err != nil || len(parts) != 2 {
		t.Fatalf("%v %v", parts, err)
	}
	var all []byte
	for _, p := range append([]string{filepath.Join(dir, "debian-binary")}, parts...) {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	whole := filepath.Join(dir, "whole")
	if err := os.WriteFile(whole, all, 0o600); err != nil {
		t.Fatal(err)
	}
	output(t, "gpgv", "--keyring", ring, filepath.Join(dir, "_gpgorigin"), whole)
	if err := os.WriteFile(whole, append(all, 'x'), 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command("gpgv", "--keyring", ring, filepath.Join(dir, "_gpgorigin"), whole).Run() == nil {
		t.Errorf("%s: the signature is good for other bytes too", path)
	}
	output(t, "dpkg-deb", "--info", path)
}

// What is wrong with a key is said before anything is compiled, and nothing tells the
// passphrase.
func TestAKeyThatCannotSignIsRefusedAtOnce(t *testing.T) {
	secret, public := throwAway(t)
	for _, c := range []struct{ file, passphrase, want string }{
		{"/no/such/key", "", "no such file"},
		{public, "", "public key"},
		{secret, "", "SIGN_PASSPHRASE"},
		{secret, "wrong-horse", "not that of the key"},
		{"main.go", "", "the key in"},
	} {
		o := &options{sources: "../..", epoch: testEpoch, signer: &signer{pgp: c.file, passphrase: c.passphrase}}
		program, err := tool(t.Context(), o, "sign")
		if err != nil {
			t.Fatal(err)
		}
		err = o.signer.prepare(t.Context(), program, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), c.want) || c.passphrase != "" && strings.Contains(err.Error(), c.passphrase) {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

func TestOnlyWhatSignsHasThePassphrase(t *testing.T) {
	t.Setenv(passphraseName, passphrase)
	o := &options{signer: &signer{passphrase: passphrase}}
	env, err := o.environ(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(env, "\n"), passphrase) {
		t.Error("compilers get it too")
	}
}
