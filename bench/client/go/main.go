// What etcd's client for Go costs its process: the twin of bench/client/probe.cc, which says how it
// is called. "async" is not there: goroutines are Go's way to do that.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/metadata"
)

const value = "0123456789abcdef0123456789abcdef"

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

// Resident, without what the collector would give back.
func memoryBytes() int64 {
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	for _, line := range strings.Split(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			must(err)
			return kib * 1024
		}
	}
	return 0
}

func report(figures map[string]any) {
	line, err := json.Marshal(figures)
	must(err)
	fmt.Println(string(line))
}

func calls(ctx context.Context, cli *clientv3.Client, put bool, callers int, seconds float64) {
	_, err := cli.Put(ctx, "probe/0", "warm")
	must(err)
	var mutex sync.Mutex
	var all []float64
	var group sync.WaitGroup
	cpu, begin := cpuSeconds(), time.Now()
	end := begin.Add(time.Duration(seconds * float64(time.Second)))
	for i := 0; i < callers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			var micros []float64
			key := fmt.Sprintf("probe/%d", i)
			for time.Now().Before(end) {
				from := time.Now()
				var err error
				if put {
					_, err = cli.Put(ctx, key, value)
				} else {
					_, err = cli.Get(ctx, key)
				}
				must(err)
				micros = append(micros, float64(time.Since(from).Nanoseconds())/1e3)
			}
			mutex.Lock()
			all = append(all, micros...)
			mutex.Unlock()
		}()
	}
	group.Wait()
	took, used := time.Since(begin).Seconds(), cpuSeconds()-cpu
	sort.Float64s(all)
	count := float64(len(all))
	report(map[string]any{"per_s": count / took, "cpu_us": used / count * 1e6,
		"p50_us": all[len(all)/2], "p99_us": all[len(all)*99/100]})
}

// Watches whose metadata differ have streams of their own; others share one.
func watches(ctx context.Context, cli *clientv3.Client, count int, together bool) {
	key := func(i int) string { return fmt.Sprintf("probe/watch/%d", i) }
	_, err := cli.Put(ctx, "probe/0", "warm")
	must(err)
	before := memoryBytes()
	var channels []clientv3.WatchChan
	for i := 0; i < count; i++ {
		own := ctx
		if !together {
			own = metadata.AppendToOutgoingContext(ctx, "probe", strconv.Itoa(i))
		}
		channels = append(channels, cli.Watch(own, key(i), clientv3.WithCreatedNotify()))
	}
	for _, channel := range channels {
		<-channel
	}
	for i := 0; i < count; i++ {
		_, err := cli.Put(ctx, key(i), "x")
		must(err)
	}
	for _, channel := range channels {
		if response := <-channel; len(response.Events) != 1 {
			must(fmt.Errorf("each change comes alone, not %v", response))
		}
	}
	report(map[string]any{"watches": count, "kb": (memoryBytes() - before) / 1024})
}

func main() {
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}, Logger: zap.NewNop()})
	must(err)
	ctx := context.Background()
	if os.Args[2] == "watches" {
		count, err := strconv.Atoi(os.Args[3])
		must(err)
		watches(ctx, cli, count, os.Args[4] == "together")
		return
	}
	callers, err := strconv.Atoi(os.Args[4])
	must(err)
	seconds, err := strconv.ParseFloat(os.Args[5], 64)
	must(err)
	calls(ctx, cli, os.Args[3] == "put", callers, seconds)
}
