package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// rollingUpgrade brings every member to the next version, one after the other, under load. As long
// as one is of the old version, the others may go back; once none is, the old one is kept out.
func rollingUpgrade(ctx context.Context, s *session) error {
	first, last := s.endpoints[0], s.endpoints[len(s.endpoints)-1]
	const undecided = "0"
	if err := untilVersionLeaves(undecided, last); err != nil {
		return err
	}
	old, err := entryVersion(last)
	if err != nil {
		return err
	}
	load := startLoad(ctx, s.cli, "/upgrade/")
	restart := func(start, member string) error {
		if err := load.wait(500); err != nil {
			return err
		}
		if err := s.ask("stop", member); err != nil {
			return err
		}
		return s.ask(start, member)
	}
	for _, member := range s.endpoints[:len(s.endpoints)-1] {
		if err := restart("start-next", member); err != nil {
			return err
		}
	}
	if err := restart("start", first); err != nil {
		return fmt.Errorf("a member goes back while another is old: %w", err)
	}
	if err := restart("start-next", first); err != nil {
		return err
	}
	if version, err := entryVersion(first); err != nil || version != old {
		return fmt.Errorf("while a member is old the version is %s, not %s: %v", version, old, err)
	}
	if err := restart("start-next", last); err != nil {
		return err
	}
	for _, member := range s.endpoints {
		if err := untilVersionLeaves(old, member); err != nil {
			return err
		}
	}
	if err := restart("start", first); err == nil ||
		!strings.Contains(err.Error(), "upgrade kvd on this member") {
		return fmt.Errorf("the old version starts once all were upgraded: %v", err)
	}
	if err := s.ask("start-next", first); err != nil {
		return err
	}
	return load.finish(ctx, s)
}

// entryVersion tells which log entries the cluster may write, as a member knows it.
func entryVersion(member string) (string, error) {
	answer, err := http.Get("http://" + member + "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	const name = "\nkeelson_cluster_entry_version "
	_, rest, found := strings.Cut(string(page), name)
	if !found {
		return "", fmt.Errorf("%s tells no %s", member, strings.TrimSpace(name))
	}
	version, _, _ := strings.Cut(rest, "\n")
	return version, nil
}

func untilVersionLeaves(old, member string) error {
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		version, err := entryVersion(member)
		if err != nil {
			return err
		}
		if version != old {
			return nil
		}
	}
	return fmt.Errorf("%s still says version %s", member, old)
}
