package main

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// watch kills the member that a watch hangs on, under writes, and starts it again.
func watch(ctx context.Context, s *session) error {
	watcher, err := s.client()
	if err != nil {
		return err
	}
	defer watcher.Close()
	responses := watcher.Watch(ctx, "/watch/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	created := <-responses
	if !created.Created {
		return fmt.Errorf("a watch begins with %v", created)
	}
	member := created.Header.MemberId

	writing, stop := context.WithCancel(ctx)
	defer stop()
	written := make(chan int, 1)
	go func() { written <- write(writing, ctx, s.cli) }()

	seen := history{versions: map[string]int64{}, revisions: map[string]int64{}}
	if err := seen.follow(responses, 50); err != nil {
		return err
	}
	if err := s.ask("kill", member); err != nil {
		return err
	}
	if err := seen.follow(responses, seen.events+100); err != nil {
		return err
	}
	if err := s.ask("start", member); err != nil {
		return err
	}
	if err := seen.follow(responses, seen.events+100); err != nil {
		return err
	}
	stop()
	last := fmt.Sprintf("/watch/%06d", <-written)
	for seen.versions[last] == 0 {
		if err := seen.follow(responses, seen.events+1); err != nil {
			return err
		}
	}
	return seen.compare(ctx, s.cli)
}

// write puts one key after the other until told to stop, each until it is acknowledged; it returns
// the last one's number. A put may happen twice: its first answer was lost with its member.
func write(stop, ctx context.Context, cli *clientv3.Client) int {
	for i := 0; ; i++ {
		for {
			_, err := cli.Put(ctx, fmt.Sprintf("/watch/%06d", i), "x")
			if err == nil || ctx.Err() != nil {
				break
			}
		}
		if stop.Err() != nil {
			return i
		}
	}
}

// history is what a watch has shown: of each key how often it was put, and when last.
type history struct {
	events              int
	revision            int64
	versions, revisions map[string]int64
}

// follow takes events until there were so many.
func (h *history) follow(responses clientv3.WatchChan, events int) error {
	for h.events < events {
		response, ok := <-responses
		if !ok || response.Err() != nil {
			return fmt.Errorf("the watch ended after %d events: %v", h.events, response.Err())
		}
		for _, event := range response.Events {
			if event.Kv.ModRevision <= h.revision {
				return fmt.Errorf("revision %d after %d", event.Kv.ModRevision, h.revision)
			}
			h.revision = event.Kv.ModRevision
			h.revisions[string(event.Kv.Key)] = event.Kv.ModRevision
			h.versions[string(event.Kv.Key)]++
			h.events++
		}
	}
	return nil
}

// compare finds what the watch has missed or shown twice: a key's version counts its puts.
func (h *history) compare(ctx context.Context, cli *clientv3.Client) error {
	got, err := cli.Get(ctx, "/watch/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	for _, kv := range got.Kvs {
		key := string(kv.Key)
		if h.versions[key] != kv.Version || h.revisions[key] != kv.ModRevision {
			return fmt.Errorf("%s has version %d of revision %d, the watch saw %d, last %d", key,
				kv.Version, kv.ModRevision, h.versions[key], h.revisions[key])
		}
	}
	if len(got.Kvs) != len(h.versions) {
		return fmt.Errorf("%d keys, the watch saw %d", len(got.Kvs), len(h.versions))
	}
	return nil
}
