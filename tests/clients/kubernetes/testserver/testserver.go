// Package testserver takes the place of the one of Kubernetes that its storage tests start etcd by:
// here each test gets a kvd with fresh data.
package testserver

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

// NewTestConfig is what tests change before they start a server; of it the interval of progress
// notices is heeded.
func NewTestConfig(t testing.TB) *embed.Config {
	return embed.NewConfig()
}

// RunEtcd starts a server, until the test ends, and returns a client of it.
func RunEtcd(t testing.TB, config *embed.Config) *kubernetes.Client {
	t.Helper()
	if config == nil {
		config = NewTestConfig(t)
	}
	endpoint := start(t, config.WatchProgressNotifyInterval)
	client, err := kubernetes.New(clientv3.Config{
		Endpoints:   []string{endpoint},
		DialTimeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	recorder := storagetesting.NewKubernetesRecorder(client.Kubernetes)
	client.KV = storagetesting.NewKVRecorder(client.KV, recorder)
	client.Kubernetes = recorder
	return client
}

func start(t testing.TB, progress time.Duration) string {
	client, peer := freeURL(t), freeURL(t)
	flags := []string{"--data-dir", t.TempDir(),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default=" + peer}
	if progress > 0 {
		flags = append(flags, "--watch-progress-notify-interval", progress.String())
	}
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Getenv("KVD"), flags...)
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	for began := time.Now(); !healthy(client); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not serve: %s", client, said)
		}
	}
	return client
}

func freeURL(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprintf("http://%s", listener.Addr())
}

func healthy(url string) bool {
	answer, err := http.Get(url + "/health")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
