// SPDX-License-Identifier: Apache-2.0

// Package docs holds the documentation to what the code does: its examples
// are run, its tables are compared with the things they describe.
package docs
