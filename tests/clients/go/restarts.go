package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// rollingRestart stops and starts every member, one after the other, under load.
func rollingRestart(ctx context.Context, s *session) error {
	load := startLoad(ctx, s.cli, "/rolling/")
	for _, member := range s.endpoints {
		if err := load.wait(1000); err != nil {
			return err
		}
		if err := s.ask("stop", member); err != nil {
			return err
		}
		if err := load.wait(1000); err != nil {
			return err
		}
		if err := s.ask("start", member); err != nil {
			return err
		}
	}
	return load.finish(ctx, s)
}

// moveLeader hands leadership on, ten times, under load.
func moveLeader(ctx context.Context, s *session) error {
	load := startLoad(ctx, s.cli, "/move/")
	for range 10 {
		if err := load.wait(1000); err != nil {
			return err
		}
		if err := moveLeaderOnce(ctx, s); err != nil {
			return err
		}
	}
	return load.finish(ctx, s)
}

// moveLeaderOnce asks the leader, as only that one can do it.
func moveLeaderOnce(ctx context.Context, s *session) error {
	listed, err := s.cli.MemberList(ctx)
	if err != nil {
		return err
	}
	status, err := s.cli.Status(ctx, s.endpoints[0])
	if err != nil {
		return err
	}
	var endpoint string
	var target uint64
	for _, member := range listed.Members {
		if member.ID == status.Leader {
			endpoint = member.ClientURLs[0]
		} else {
			target = member.ID
		}
	}
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	if err != nil {
		return err
	}
	defer cli.Close()
	if _, err := cli.MoveLeader(ctx, target); err != nil {
		return fmt.Errorf("from %x to %x: %w", status.Leader, target, err)
	}
	status, err = cli.Status(ctx, endpoint)
	if err == nil && status.Leader != target {
		err = fmt.Errorf("after a move to %x the leader is %x", target, status.Leader)
	}
	return err
}

// load is writers at work and the ledger of what they were told.
type load struct {
	prefix string
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu         sync.Mutex
	grown      *sync.Cond
	tried      map[string]bool
	revisions  map[string]int64 // of what was acknowledged
	last       time.Time
	longestGap time.Duration
}

// startLoad has writers put keys of their own, each once, as fast as they are answered.
func startLoad(ctx context.Context, cli *clientv3.Client, prefix string) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{prefix: prefix, stop: stop, tried: map[string]bool{}, revisions: map[string]int64{},
		last: time.Now()}
	l.grown = sync.NewCond(&l.mu)
	for writer := range 8 {
		l.done.Add(1)
		go func() {
			defer l.done.Done()
			for i := 0; ctx.Err() == nil; i++ {
				l.put(cli, fmt.Sprintf("%s%d/%06d", prefix, writer, i))
			}
		}()
	}
	return l
}

func (l *load) put(cli *clientv3.Client, key string) {
	l.mu.Lock()
	l.tried[key] = true
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answer, err := cli.Put(ctx, key, key)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revisions[key] = answer.Header.Revision
	l.longestGap = max(l.longestGap, time.Since(l.last))
	l.last = time.Now()
	l.grown.Broadcast()
}

// wait returns once so many more writes are acknowledged.
func (l *load) wait(writes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	enough := len(l.revisions) + writes
	giveUp := time.AfterFunc(30*time.Second, l.grown.Broadcast)
	defer giveUp.Stop()
	for began := time.Now(); len(l.revisions) < enough; l.grown.Wait() {
		if time.Since(began) > 29*time.Second {
			return fmt.Errorf("%d writes in 30 s", writes-(enough-len(l.revisions)))
		}
	}
	return nil
}

// finish compares the store with the ledger: what was acknowledged is there, once, as answered, and
// nothing that nobody wrote.
func (l *load) finish(ctx context.Context, s *session) error {
	l.stop()
	l.done.Wait()
	found := 0
	for from := l.prefix; ; {
		page, err := s.cli.Get(ctx, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(l.prefix)),
			clientv3.WithLimit(5000))
		if err != nil {
			return err
		}
		for _, kv := range page.Kvs {
			revision, acknowledged := l.revisions[string(kv.Key)]
			if acknowledged {
				found++
			}
			if !l.tried[string(kv.Key)] || string(kv.Value) != string(kv.Key) || kv.Version != 1 ||
				(acknowledged && revision != kv.ModRevision) {
				return fmt.Errorf("%v is there, acknowledged was revision %d", kv, revision)
			}
			from = string(kv.Key) + "\x00"
		}
		if !page.More {
			break
		}
	}
	if found != len(l.revisions) {
		return fmt.Errorf("%d writes of %d acknowledged ones are lost", len(l.revisions)-found,
			len(l.revisions))
	}
	s.note = fmt.Sprintf("%d writes, %.3f %% acknowledged, none lost, longest gap %d ms",
		len(l.tried), 100*float64(found)/float64(len(l.tried)), l.longestGap.Milliseconds())
	return nil
}
