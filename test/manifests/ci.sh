#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The tests of the image, the chart and the manifests, for CI. Their modules
# need more than the agent's: Helm and the types of Kubernetes, fetched the
# first time. It exits with 0 when all is well, 1 when a test failed, and 3 when
# the network did not give what is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."

stage=manifests
# shellcheck source=test/needs.sh
. test/needs.sh

need_modules packaging/image ./...
need_modules test/manifests ./...
make -s manifests-test
