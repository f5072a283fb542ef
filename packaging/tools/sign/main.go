// SPDX-License-Identifier: Apache-2.0

// Command sign writes the detached PGP signature of a file beside it, as
// `gpg --armor --detach-sign` does, with a key that is in a file and in no keyring.
package main

import (
	"bytes"
	"crypto"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func main() {
	key := flag.String("key", "", "`file` of the secret key; its passphrase is in SIGN_PASSPHRASE")
	flag.Parse()
	if err := run(*key, flag.Args(), os.Getenv("SIGN_PASSPHRASE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(key string, files []string, passphrase string) error {
	entity, err := secretKey(key, passphrase)
	if err != nil {
		return fmt.Errorf("the key in %s: %w", key, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var signature bytes.Buffer
		if err := openpgp.ArmoredDetachSign(&signature, entity, bytes.NewReader(text), &packet.Config{DefaultHash: crypto.SHA256}); err != nil {
			return fmt.Errorf("the key in %s: %w", key, err)
		}
		signature.WriteByte('\n')
		if err := os.WriteFile(file+".asc", signature.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// secretKey reads the one secret key of a file, in armour or without.
func secretKey(file, passphrase string) (*openpgp.Entity, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	read := func(r io.Reader) (openpgp.EntityList, error) { return openpgp.ReadKeyRing(r) }
	if bytes.Contains(raw, []byte("-----BEGIN PGP")) {
		read = openpgp.ReadArmoredKeyRing
	}
	keys, err := read(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("there are %d keys in it, one is needed", len(keys))
	}
	if keys[0].PrivateKey == nil {
		return nil, errors.New("it is a public key; the secret one is needed (gpg --export-secret-keys --armor)")
	}
	if keys[0].PrivateKey.Encrypted && passphrase == "" {
		return nil, errors.New("it has a passphrase; put it into SIGN_PASSPHRASE")
	}
	if passphrase != "" {
		if err := keys[0].DecryptPrivateKeys([]byte(passphrase)); err != nil {
			return nil, errors.New("the passphrase in SIGN_PASSPHRASE is not that of the key")
		}
	}
	return keys[0], nil
}
