package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// refusals has what a server must refuse, in the words that the client knows as an error.
func refusals(ctx context.Context, s *session) error {
	cli := s.cli
	one, err := cli.Put(ctx, "/refused", "x")
	if err != nil {
		return err
	}
	put := func(key string) clientv3.Op { return clientv3.OpPut(key, "x") }
	many := make([]clientv3.Op, 129)
	for i := range many {
		many[i] = put(fmt.Sprintf("/refused/%d", i))
	}
	for _, each := range []struct {
		want error
		do   func() error
	}{
		{rpctypes.ErrRequestTooLarge, func() error {
			_, err := cli.Put(ctx, "/refused", strings.Repeat("x", 1600*1024))
			return err
		}},
		{rpctypes.ErrTooManyOps, func() error {
			_, err := cli.Txn(ctx).Then(many...).Commit()
			return err
		}},
		{rpctypes.ErrDuplicateKey, func() error {
			_, err := cli.Txn(ctx).Then(put("/refused"), put("/refused")).Commit()
			return err
		}},
		{rpctypes.ErrLeaseNotFound, func() error {
			_, err := cli.Put(ctx, "/refused", "x", clientv3.WithLease(4711))
			return err
		}},
		{rpctypes.ErrLeaseNotFound, func() error {
			_, err := cli.Revoke(ctx, 4711)
			return err
		}},
		{rpctypes.ErrLeaseNotFound, func() error {
			_, err := cli.KeepAliveOnce(ctx, 4711)
			return err
		}},
		{rpctypes.ErrFutureRev, func() error {
			_, err := cli.Get(ctx, "/refused", clientv3.WithRev(one.Header.Revision+1000))
			return err
		}},
		{rpctypes.ErrFutureRev, func() error {
			_, err := cli.Compact(ctx, one.Header.Revision+1000)
			return err
		}},
		{rpctypes.ErrMemberNotFound, func() error {
			_, err := cli.MemberRemove(ctx, 4711)
			return err
		}},
		{rpctypes.ErrKeyNotFound, func() error {
			_, err := cli.Put(ctx, "/not there", "", clientv3.WithIgnoreValue())
			return err
		}},
	} {
		if err := each.do(); !errors.Is(err, each.want) {
			return fmt.Errorf("%v is told as %v", each.want, err)
		}
	}
	return nil
}

// failover kills the leader under a lock that is held and one that is waited for.
func failover(ctx context.Context, s *session) error {
	each, err := sessions(s, 2)
	if err != nil {
		return err
	}
	one := concurrency.NewMutex(each[0], "/failover/")
	other := concurrency.NewMutex(each[1], "/failover/")
	if err := one.Lock(ctx); err != nil {
		return err
	}
	locked := make(chan error, 1)
	go func() { locked <- other.Lock(ctx) }()
	for waiting := int64(0); waiting < 2; {
		keys, err := s.cli.Get(ctx, "/failover/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			return err
		}
		waiting = keys.Count
	}

	status, err := s.cli.Status(ctx, s.endpoints[0])
	if err != nil {
		return err
	}
	if err := s.ask("kill", status.Leader); err != nil {
		return err
	}
	select {
	case <-each[0].Done():
		return errors.New("the holder's lease ended with the leader")
	case <-each[1].Done():
		return errors.New("the rival's lease ended with the leader")
	case err := <-locked:
		return fmt.Errorf("the lock has two holders: %v", err)
	case <-time.After(7 * time.Second): // more than the sessions' TTL
	}
	if err := s.ask("start", status.Leader); err != nil {
		return err
	}
	if err := one.Unlock(ctx); err != nil {
		return err
	}
	if err := <-locked; err != nil {
		return err
	}
	return other.Unlock(ctx)
}

// noQuorum kills two of three members: what can be answered is, the rest ends in a known way.
func noQuorum(ctx context.Context, s *session) error {
	if _, err := s.cli.Put(ctx, "/quorum", "1"); err != nil {
		return err
	}
	left, err := clientv3.New(clientv3.Config{Endpoints: s.endpoints[:1]})
	if err != nil {
		return err
	}
	defer left.Close()
	// Once it has answered this it has what it is to answer alone.
	if _, err := left.Get(ctx, "/quorum"); err != nil {
		return err
	}
	leading := left.Watch(clientv3.WithRequireLeader(ctx), "/quorum", clientv3.WithCreatedNotify())
	patient := left.Watch(ctx, "/quorum", clientv3.WithCreatedNotify())
	<-leading
	<-patient
	for _, member := range s.endpoints[1:] {
		if err := s.ask("kill", member); err != nil {
			return err
		}
	}
	select {
	case ended := <-leading:
		if !errors.Is(ended.Err(), rpctypes.ErrNoLeader) {
			return fmt.Errorf("a watch that requires a leader ends with %v", ended.Err())
		}
	case <-time.After(20 * time.Second):
		return errors.New("a watch that requires a leader goes on without one")
	}
	stale, err := left.Get(ctx, "/quorum", clientv3.WithSerializable())
	if err != nil || len(stale.Kvs) != 1 || string(stale.Kvs[0].Value) != "1" {
		return fmt.Errorf("a serializable read: %v, %v", stale, err)
	}
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := left.Get(short, "/quorum"); err == nil {
		return errors.New("a linearizable read is answered without a quorum")
	}
	if _, err := left.Put(ctx, "/quorum", "lost"); err == nil {
		return errors.New("a write is acknowledged without a quorum")
	}
	for _, member := range s.endpoints[1:] {
		if err := s.ask("start", member); err != nil {
			return err
		}
	}
	if _, err := left.Put(ctx, "/quorum", "2"); err != nil {
		return err
	}
	for response := range patient {
		if len(response.Events) > 0 && string(response.Events[0].Kv.Value) == "2" {
			return response.Err()
		}
	}
	return errors.New("the watch has ended")
}
