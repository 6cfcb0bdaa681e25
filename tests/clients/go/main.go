// Uses a cluster through etcd's own client for Go, as its users do. The README one folder up says
// what each scenario is and what the lines on stdin and stdout mean.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// session is what a scenario works with: the cluster, and the runner at the other end of the pipe.
type session struct {
	endpoints []string
	cli       *clientv3.Client
	answers   *bufio.Reader
	note      string // what to say of a scenario that passed
}

// client opens one more connection to the cluster.
func (s *session) client() (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   s.endpoints,
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
	})
}

// ask has the runner do something to a member, and returns once it is done.
func (s *session) ask(verb string, member any) error {
	fmt.Printf("%s %v\n", verb, member)
	answer, err := s.answers.ReadString('\n')
	if err == nil && answer != "done\n" {
		err = errors.New(strings.TrimSpace(answer))
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", verb, member, err)
	}
	return nil
}

type scenario struct {
	name string
	run  func(context.Context, *session) error
}

func main() {
	which := flag.String("scenarios", "client", "client, more, restarts or upgrade")
	flag.Parse()
	scenarios := map[string][]scenario{
		"client": {
			{"kv", kv}, {"txn", txn}, {"watch", watch}, {"lease", lease}, {"lock", lock},
			{"election", election},
		},
		"more": {
			{"kubernetes", kube}, {"refusals", refusals}, {"failover", failover},
			{"no-quorum", noQuorum},
		},
		"restarts": {{"rolling-restart", rollingRestart}, {"move-leader", moveLeader},
			{"replace-member", replaceMember}},
		"upgrade": {{"rolling-upgrade", rollingUpgrade}},
	}[*which]
	s := &session{
		endpoints: strings.Split(flag.Arg(0), ","),
		answers:   bufio.NewReader(os.Stdin),
	}
	cli, err := s.client()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s.cli = cli
	for _, each := range scenarios {
		s.note = ""
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		if err := each.run(ctx, s); err != nil {
			fmt.Printf("fail %s %v\n", each.name, err)
		} else {
			fmt.Printf("pass %s %s\n", each.name, s.note)
		}
		cancel()
	}
}
