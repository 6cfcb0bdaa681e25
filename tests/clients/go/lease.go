package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// lease keeps a lease alive for twice its time, then lets it end.
func lease(ctx context.Context, s *session) error {
	granted, err := s.cli.Grant(ctx, 2)
	if err != nil {
		return err
	}
	put, err := s.cli.Put(ctx, "/lease/a", "x", clientv3.WithLease(granted.ID))
	if err != nil {
		return err
	}
	keeping, stop := context.WithCancel(ctx)
	defer stop()
	renewals, err := s.cli.KeepAlive(keeping, granted.ID)
	if err != nil {
		return err
	}
	gone := s.cli.Watch(ctx, "/lease/a", clientv3.WithRev(put.Header.Revision+1))
	ttl := time.Duration(granted.TTL) * time.Second
	for end := time.After(2*ttl + time.Second); end != nil; {
		select {
		case renewal, ok := <-renewals:
			if !ok || renewal.TTL != granted.TTL {
				return fmt.Errorf("a renewal answers %v", renewal)
			}
		case <-gone:
			return errors.New("the lease has ended though it was kept")
		case <-end:
			end = nil
		}
	}
	stop()
	select {
	case response := <-gone:
		if len(response.Events) != 1 || response.Events[0].Type != clientv3.EventTypeDelete {
			return fmt.Errorf("the lease's end shows as %v", response)
		}
	case <-time.After(ttl + 5*time.Second):
		return errors.New("the lease has not ended though nobody kept it")
	}
	left, err := s.cli.TimeToLive(ctx, granted.ID)
	if err != nil || left.TTL != -1 {
		return fmt.Errorf("an ended lease has %v, %v", left, err)
	}
	return nil
}

// sessions opens so many sessions, each a lease that is kept alive.
func sessions(s *session, count int) ([]*concurrency.Session, error) {
	var all []*concurrency.Session
	for range count {
		one, err := concurrency.NewSession(s.cli, concurrency.WithTTL(5))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func lock(ctx context.Context, s *session) error {
	each, err := sessions(s, 2)
	if err != nil {
		return err
	}
	one := concurrency.NewMutex(each[0], "/lock/")
	other := concurrency.NewMutex(each[1], "/lock/")
	if err := one.Lock(ctx); err != nil {
		return err
	}
	if err := other.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
		return fmt.Errorf("a lock that is held is tried: %v", err)
	}
	locked := make(chan error, 1)
	go func() { locked <- other.Lock(ctx) }()
	select {
	case err := <-locked:
		return fmt.Errorf("the lock has two holders: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := one.Unlock(ctx); err != nil {
		return err
	}
	if err := <-locked; err != nil {
		return err
	}
	// A lock goes with its holder's session.
	if err := each[1].Close(); err != nil {
		return err
	}
	if err := one.Lock(ctx); err != nil {
		return err
	}
	return each[0].Close()
}

func election(ctx context.Context, s *session) error {
	each, err := sessions(s, 3)
	if err != nil {
		return err
	}
	one := concurrency.NewElection(each[0], "/election")
	other := concurrency.NewElection(each[1], "/election")
	leaders := concurrency.NewElection(each[2], "/election").Observe(ctx)
	if err := one.Campaign(ctx, "one"); err != nil {
		return err
	}
	if leader := <-leaders; string(leader.Kvs[0].Value) != "one" {
		return fmt.Errorf("the first leader is %v", leader)
	}
	if err := one.Proclaim(ctx, "still one"); err != nil {
		return err
	}
	if leader := <-leaders; string(leader.Kvs[0].Value) != "still one" {
		return fmt.Errorf("the first leader proclaims %v", leader)
	}
	elected := make(chan error, 1)
	go func() { elected <- other.Campaign(ctx, "other") }()
	if err := one.Resign(ctx); err != nil {
		return err
	}
	if err := <-elected; err != nil {
		return err
	}
	if leader := <-leaders; string(leader.Kvs[0].Value) != "other" {
		return fmt.Errorf("the second leader is %v", leader)
	}
	return nil
}
