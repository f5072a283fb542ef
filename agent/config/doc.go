// SPDX-License-Identifier: Apache-2.0

// Package config reads the agent's configuration: YAML files in the layout
// that Falco's users know, files that they include, the environment inside
// them, and `-o key=value` from the command line. One table (keys.go) names
// every key with its type, default, limits and meaning; the decoder, the
// schema check, the suggestions for misspelt keys and the printed schema all
// read that table.
package config

//go:generate go run ./gen
