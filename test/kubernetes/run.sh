#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The manifests and the chart on a real Kubernetes of one node, which is built
# (the first time about a quarter of an hour of CPU, and 3 GB of Go's cache) and
# run here, in a mount and a network namespace of its own. It wants root.
set -euo pipefail
cd "$(dirname "$0")/../.."
say() { echo "k8stest: $*"; }

if [ "$(id -u)" != 0 ]; then
	say "a node needs root: run it as root" >&2
	exit 1
fi
# As make has it: with cgo everything would be built a second time.
export CGO_ENABLED=0
bin=$PWD/dist/k8s
version=v$(sed -n 's|^\tk8s.io/kubernetes v||p' test/kubernetes/go.mod)
mkdir -p "$bin"

missing=()
for p in containerd:containerd runc:runc busybox:busybox-static ip:iproute2 /usr/lib/cni/ptp:containernetworking-plugins; do
	command -v "${p%%:*}" >/dev/null || missing+=("${p##*:}")
done
if ((${#missing[@]})); then
	say "installing ${missing[*]}"
	apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"
fi

say "building Kubernetes $version (long the first time)"
minor=${version#v1.} package=k8s.io/component-base/version
go build -C test/kubernetes -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" -o "$bin/kube" ./kube
for program in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
	ln -sf kube "$bin/$program"
done
say "building Helm, the agent and its image"
go build -C test/manifests -o "$bin/helm" helm.sh/helm/v3/cmd/helm
go build -trimpath -tags grpcnotrace -ldflags '-s -w' -o "$bin/tiercel" ./agent/cmd/tiercel

# The image that the manifests name.
image=$(sed -n 's|^ *image: "\(.*\)"$|\1|p' packaging/kubernetes/30-daemonset.yaml)
go run -C packaging/image . -source ../.. -out "$bin" -name "${image%:*}" -version "${image##*:}" -revision none -binary "amd64=$bin/tiercel"

go test -C test/kubernetes -c -o "$bin/story" .
say "running the node"
cd test/kubernetes
rc=0
K8S_PROGRAMS=$bin K8S_IMAGE=$bin/tiercel-image-${image##*:}-docker-amd64.tar unshare --mount --net --propagation private \
	"$bin/story" -test.v -test.timeout 30m || rc=$?
if [ "$rc" = 0 ]; then say "passed"; else say "FAILED" >&2; fi
exit "$rc"
