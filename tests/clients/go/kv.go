package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func kv(ctx context.Context, s *session) error {
	first, err := s.cli.Put(ctx, "/kv/a", "1")
	if err != nil {
		return err
	}
	second, err := s.cli.Put(ctx, "/kv/a", "2", clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	if string(second.PrevKv.Value) != "1" || second.Header.Revision <= first.Header.Revision {
		return fmt.Errorf("a second put answers %v after %v", second, first)
	}
	for _, key := range []string{"/kv/c", "/kv/b"} {
		if _, err := s.cli.Put(ctx, key, key); err != nil {
			return err
		}
	}
	page, err := s.cli.Get(ctx, "/kv/", clientv3.WithPrefix(), clientv3.WithLimit(2),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return err
	}
	if page.Count != 3 || !page.More || len(page.Kvs) != 2 || string(page.Kvs[0].Key) != "/kv/c" {
		return fmt.Errorf("a page of two keys, last first, is %v", page)
	}
	past, err := s.cli.Get(ctx, "/kv/a", clientv3.WithRev(first.Header.Revision))
	if err != nil {
		return err
	}
	if string(past.Kvs[0].Value) != "1" {
		return fmt.Errorf("a read of the past is %v", past)
	}
	gone, err := s.cli.Delete(ctx, "/kv/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	if gone.Deleted != 3 {
		return fmt.Errorf("a prefix is deleted: %v", gone)
	}
	if _, err := s.cli.Put(ctx, "", "x"); !errors.Is(err, rpctypes.ErrEmptyKey) {
		return fmt.Errorf("an empty key is refused by %v", err)
	}
	if _, err := s.cli.Compact(ctx, gone.Header.Revision); err != nil {
		return err
	}
	_, err = s.cli.Get(ctx, "/kv/a", clientv3.WithRev(first.Header.Revision))
	if !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("a read of compacted history ends with %v", err)
	}
	return nil
}

func txn(ctx context.Context, s *session) error {
	create := func(value string) (*clientv3.TxnResponse, error) {
		return s.cli.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision("/txn/a"), "=", 0)).
			Then(clientv3.OpPut("/txn/a", value)).
			Else(clientv3.OpGet("/txn/a")).
			Commit()
	}
	if made, err := create("1"); err != nil || !made.Succeeded {
		return fmt.Errorf("a key is made: %v, %v", made, err)
	}
	again, err := create("2")
	if err != nil {
		return err
	}
	if got := again.Responses[0].GetResponseRange(); again.Succeeded ||
		string(got.Kvs[0].Value) != "1" {
		return fmt.Errorf("a key is made only once: %v", again)
	}
	return count(ctx, s)
}

// count has several clients add to one counter by software transactional memory.
func count(ctx context.Context, s *session) error {
	const workers, each = 5, 20
	var wait sync.WaitGroup
	failures := make(chan error, workers)
	for range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range each {
				_, err := concurrency.NewSTM(s.cli, func(stm concurrency.STM) error {
					n, _ := strconv.Atoi(stm.Get("/txn/counter"))
					stm.Put("/txn/counter", strconv.Itoa(n+1))
					return nil
				}, concurrency.WithAbortContext(ctx))
				if err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	wait.Wait()
	close(failures)
	if err := <-failures; err != nil {
		return err
	}
	got, err := s.cli.Get(ctx, "/txn/counter")
	if err != nil {
		return err
	}
	if string(got.Kvs[0].Value) != strconv.Itoa(workers*each) {
		return fmt.Errorf("%d additions make %s", workers*each, got.Kvs[0].Value)
	}
	return nil
}
