// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"

	"github.com/tiercel/tiercel/sinsp/fields"
)

func testCatalog(testing.TB) fields.Catalog { return fields.Default() }
