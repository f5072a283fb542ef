// SPDX-License-Identifier: Apache-2.0

package fields

func builtin() []Class { return nil }
