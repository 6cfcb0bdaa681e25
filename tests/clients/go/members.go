package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// replaceMember brings in a new member, as a learner first, and takes an old one out, under load.
func replaceMember(ctx context.Context, s *session) error {
	load := startLoad(ctx, s.cli, "/replace/")
	endpoint := os.Getenv("SPARE_ENDPOINT")
	learner, err := addLearner(ctx, s, os.Getenv("SPARE_PEER_URL"))
	if err != nil {
		return fmt.Errorf("a learner is added: %w", err)
	}
	if err := s.ask("join", endpoint); err != nil {
		return err
	}
	for {
		_, err := s.cli.MemberPromote(ctx, learner)
		if err == nil {
			break
		}
		if !errors.Is(err, rpctypes.ErrMemberLearnerNotReady) {
			return fmt.Errorf("a learner is promoted: %w", err)
		}
	}
	if err := load.wait(1000); err != nil {
		return err
	}
	old := s.endpoints[0]
	listed, err := s.cli.MemberList(ctx)
	if err != nil {
		return err
	}
	s.cli.SetEndpoints(append([]string{endpoint}, s.endpoints[1:]...)...)
	for _, member := range listed.Members {
		if slices.Contains(member.ClientURLs, "http://"+old) {
			if _, err := s.cli.MemberRemove(ctx, member.ID); err != nil {
				return fmt.Errorf("a member is removed: %w", err)
			}
		}
	}
	if err := s.ask("await-end", old); err != nil {
		return err
	}
	if err := load.wait(1000); err != nil {
		return err
	}
	if listed, err = s.cli.MemberList(ctx); err != nil || len(listed.Members) != 3 {
		return fmt.Errorf("the members are %v, %v", listed, err)
	}
	return load.finish(ctx, s)
}

// addLearner returns its id. A member that has just come back is not counted as healthy at once.
func addLearner(ctx context.Context, s *session, peerURL string) (uint64, error) {
	for began := time.Now(); ; {
		added, err := s.cli.MemberAddAsLearner(ctx, []string{peerURL})
		if err == nil {
			return added.Member.ID, nil
		}
		if !errors.Is(err, rpctypes.ErrUnhealthy) || time.Since(began) > 30*time.Second {
			return 0, err
		}
	}
}
