package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
)

const registry = "/registry/pods/"

// kube does what an API server of Kubernetes does, by the client made for it.
func kube(ctx context.Context, s *session) error {
	cli, err := kubernetes.New(clientv3.Config{Endpoints: s.endpoints})
	if err != nil {
		return err
	}
	defer cli.Close()
	if err := kubeObject(ctx, cli); err != nil {
		return err
	}
	listed, err := kubeList(ctx, cli)
	if err != nil {
		return err
	}
	if err := kubeWatch(ctx, cli, listed); err != nil {
		return err
	}
	return kubeCompact(ctx, cli)
}

// kubeObject makes, changes and deletes one object, each only as it is known.
func kubeObject(ctx context.Context, cli *kubernetes.Client) error {
	key := registry + "default/one"
	options := kubernetes.PutOptions{GetOnFailure: true}
	made, err := cli.Kubernetes.OptimisticPut(ctx, key, []byte("1"), 0, options)
	if err != nil || !made.Succeeded {
		return fmt.Errorf("an object is made: %v, %v", made, err)
	}
	again, err := cli.Kubernetes.OptimisticPut(ctx, key, []byte("2"), 0, options)
	if err != nil || again.Succeeded || string(again.KV.Value) != "1" {
		return fmt.Errorf("an object is made twice: %v, %v", again, err)
	}
	changed, err := cli.Kubernetes.OptimisticPut(ctx, key, []byte("3"), made.Revision, options)
	if err != nil || !changed.Succeeded {
		return fmt.Errorf("an object is changed: %v, %v", changed, err)
	}
	kept, err := cli.Kubernetes.OptimisticDelete(ctx, key, made.Revision,
		kubernetes.DeleteOptions{GetOnFailure: true})
	if err != nil || kept.Succeeded || kept.KV.ModRevision != changed.Revision {
		return fmt.Errorf("an object that has changed is deleted: %v, %v", kept, err)
	}
	gone, err := cli.Kubernetes.OptimisticDelete(ctx, key, changed.Revision,
		kubernetes.DeleteOptions{})
	if err != nil || !gone.Succeeded {
		return fmt.Errorf("an object is deleted: %v, %v", gone, err)
	}
	got, err := cli.Kubernetes.Get(ctx, key, kubernetes.GetOptions{})
	if err != nil || got.KV != nil || got.Revision < gone.Revision {
		return fmt.Errorf("an object that is gone is read: %v, %v", got, err)
	}
	return nil
}

// kubeList lists in pages of one revision, under writes; it returns that revision.
func kubeList(ctx context.Context, cli *kubernetes.Client) (int64, error) {
	const objects, page = 25, 10
	for i := range objects {
		key := fmt.Sprintf("%sdefault/%02d", registry, i)
		if _, err := cli.Kubernetes.OptimisticPut(ctx, key, []byte("x"), 0,
			kubernetes.PutOptions{}); err != nil {
			return 0, err
		}
	}
	var options = kubernetes.ListOptions{Limit: page}
	for seen := 0; seen < objects; {
		list, err := cli.Kubernetes.List(ctx, registry, options)
		if err != nil {
			return 0, err
		}
		if list.Count != int64(objects-seen) || len(list.Kvs) == 0 {
			return 0, fmt.Errorf("after %d of %d: %d of %d", seen, objects, len(list.Kvs),
				list.Count)
		}
		seen += len(list.Kvs)
		if options.Revision == 0 {
			options.Revision = list.Revision
		}
		options.Continue = string(list.Kvs[len(list.Kvs)-1].Key) + "\x00"
		key := fmt.Sprintf("%slater/%02d", registry, seen)
		if _, err := cli.Put(ctx, key, "x"); err != nil {
			return 0, err
		}
	}
	count, err := cli.Kubernetes.Count(ctx, registry+"default/", kubernetes.CountOptions{})
	if err != nil || count != objects {
		return 0, fmt.Errorf("%d objects are counted as %d, %v", objects, count, err)
	}
	return options.Revision, nil
}

// kubeWatch watches from a list on, and asks how far the watch has come.
func kubeWatch(ctx context.Context, cli *kubernetes.Client, from int64) error {
	ctx, stop := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer stop()
	responses := cli.Watch(ctx, registry, clientv3.WithPrefix(), clientv3.WithRev(from+1),
		clientv3.WithPrevKV(), clientv3.WithProgressNotify())
	deleted, err := cli.Delete(ctx, registry+"default/00")
	if err != nil {
		return err
	}
	revision := from
	for revision < deleted.Header.Revision {
		response := <-responses
		if response.Err() != nil {
			return response.Err()
		}
		for _, event := range response.Events {
			revision = event.Kv.ModRevision
			if event.Type == clientv3.EventTypeDelete && string(event.PrevKv.Value) != "x" {
				return fmt.Errorf("a deleted object was %v", event.PrevKv)
			}
		}
	}
	other, err := cli.Put(ctx, "/elsewhere", "x")
	if err != nil {
		return err
	}
	for {
		if err := cli.RequestProgress(ctx); err != nil {
			return err
		}
		response := <-responses
		if response.Err() != nil {
			return response.Err()
		}
		if response.IsProgressNotify() && response.Header.Revision >= other.Header.Revision {
			return nil
		}
	}
}

// kubeCompact compacts as API servers agree to do it; who was too slow is told so.
func kubeCompact(ctx context.Context, cli *kubernetes.Client) error {
	const key = "compact_rev_key"
	current, err := cli.KV.Get(ctx, key)
	if err != nil {
		return err
	}
	revision := current.Header.Revision
	for _, wins := range []bool{true, false} {
		answer, err := cli.Txn(ctx).If(clientv3.Compare(clientv3.Version(key), "=", 0)).
			Then(clientv3.OpPut(key, strconv.FormatInt(revision, 10))).
			Else(clientv3.OpGet(key)).Commit()
		if err != nil || answer.Succeeded != wins {
			return fmt.Errorf("one server in a round compacts: %v, %v", answer, err)
		}
	}
	if _, err := cli.Compact(ctx, revision); err != nil {
		return err
	}
	_, err = cli.Kubernetes.List(ctx, registry, kubernetes.ListOptions{Revision: revision - 1})
	if !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("a list of compacted history ends with %v", err)
	}
	// A member that has not compacted yet still has that history.
	for {
		compacted, err := kubeWatchPast(ctx, cli, revision)
		if compacted || err != nil {
			return err
		}
	}
}

// kubeWatchPast tells whether the member that it watches on has compacted what was before.
func kubeWatchPast(ctx context.Context, cli *kubernetes.Client, compacted int64) (bool, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	response := <-cli.Watch(ctx, registry, clientv3.WithPrefix(), clientv3.WithRev(compacted-1))
	if len(response.Events) > 0 {
		return false, nil
	}
	if !errors.Is(response.Err(), rpctypes.ErrCompacted) || response.CompactRevision != compacted {
		return false, fmt.Errorf("a watch of compacted history ends with %v", response)
	}
	return true, nil
}
