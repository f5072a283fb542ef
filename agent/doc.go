// SPDX-License-Identifier: Apache-2.0

// Package agent is the program: it puts command line, configuration, rules,
// selection, driver, state and outputs together. A run is a fixed sequence of
// steps (see steps); the first one that fails or has said all there is to say
// ends it. Everything a run touches of the outside world comes in a System, so
// that tests run the whole agent against a scripted driver.
package agent
