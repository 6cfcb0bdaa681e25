// Package kubernetes names what is tested here. Its modules, and those of its tests, are required by
// "go get -t k8s.io/apiserver/pkg/storage/etcd3"; "go mod tidy" would drop the latter.
package kubernetes

import _ "k8s.io/apiserver/pkg/storage/etcd3"
