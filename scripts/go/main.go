// The Go client as a peer of scripts/peers: a number of async sends in flight, or a number of
// goroutines that send synchronously. Options, pacing and the printed line are those of
// scripts/java/Peer.java. The client has no way to choose the header form: it writes JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

const tick = time.Millisecond

var (
	namesrv  = flag.String("namesrv", "", "HOST:PORT of the name server")
	topic    = flag.String("topic", "BenchmarkTest", "topic")
	size     = flag.Int("size", 1024, "bytes of a body")
	mode     = flag.String("mode", "async", "async or sync")
	permits  = flag.Int("permits", 512, "async sends in flight")
	threads  = flag.Int("threads", 64, "goroutines that send synchronously")
	rate     = flag.Int64("rate", 0, "messages per second; 0 is a closed loop")
	warmup   = flag.Duration("warmup", 10*time.Second, "before the window")
	duration = flag.Duration("duration", 10*time.Second, "of the window")
)

// Microseconds, exact up to 2,047, to a thousandth above; what takes longer than 16 s counts as that.
type histogram [15 * 1024]int64

func (h *histogram) record(took time.Duration) {
	value := uint64(min(max(took.Microseconds(), 0), 1<<24-1))
	shift := max(0, bits.Len64(value)-11)
	atomic.AddInt64(&h[shift<<10+int(value>>shift)], 1)
}

func (h *histogram) count() (sum int64) {
	for i := range h {
		sum += atomic.LoadInt64(&h[i])
	}
	return sum
}

// Of nothing: -1.
func (h *histogram) percentile(percent int64) int64 {
	rank, seen := (h.count()*percent+99)/100, int64(0)
	for i := range h {
		seen += atomic.LoadInt64(&h[i])
		if rank > 0 && seen >= rank {
			shift := max(0, i>>10-1)
			return int64(i-shift<<10) << shift
		}
	}
	return -1
}

type peer struct {
	producer            rocketmq.Producer
	body                []byte
	start               time.Time
	begin, end          time.Duration
	next                atomic.Int64
	sent, arrived       atomic.Int64
	acked, failed       atomic.Int64
	failedFirst         sync.Once
	responses, services histogram
}

func (p *peer) now() time.Duration { return time.Since(p.start) }

func (p *peer) inWindow(at time.Duration) bool { return at >= p.begin && at < p.end }

// When message k is due.
func (p *peer) planned(k int64) time.Duration {
	return time.Duration(k * int64(time.Second) / *rate)
}

// How many messages are due before this moment.
func (p *peer) due(at time.Duration) int64 {
	return (int64(at)**rate + int64(time.Second) - 1) / int64(time.Second)
}

func (p *peer) fail(reason any) {
	p.failed.Add(1)
	p.failedFirst.Do(func() { fmt.Fprintln(os.Stderr, "peer: first failure:", reason) })
}

func (p *peer) ended(result *primitive.SendResult, err error, intended, called time.Duration) {
	if err != nil {
		p.fail(err)
		return
	}
	if result.Status != primitive.SendOK {
		p.fail(fmt.Sprint("status ", result.Status))
		return
	}
	now := p.now()
	p.acked.Add(1)
	if p.inWindow(now) {
		p.arrived.Add(1)
	}
	if p.inWindow(intended) {
		p.responses.record(now - intended)
	}
	if p.inWindow(called) { // also of a client so far behind that nothing due in the window is begun in it
		p.services.record(now - called)
	}
}

// Until the next message is due and there is room; false when the window is over.
func (p *peer) turn(wake time.Duration, room chan struct{}) (intended, called time.Duration, more bool) {
	if *rate > 0 {
		intended = p.planned(p.next.Add(1) - 1)
		if intended > p.now() {
			time.Sleep((intended+wake-1)/wake*wake - p.now())
		}
	}
	if room != nil {
		room <- struct{}{}
	}
	called = p.now()
	if *rate == 0 {
		intended = called
	}
	more = called < p.end
	if more && p.inWindow(intended) {
		p.sent.Add(1)
	}
	return
}

func (p *peer) sendAsync(room chan struct{}) {
	for {
		intended, called, more := p.turn(tick, room)
		if !more {
			<-room
			return
		}
		err := p.producer.SendAsync(context.Background(), func(_ context.Context, result *primitive.SendResult, err error) {
			p.ended(result, err, intended, called)
			<-room
		}, primitive.NewMessage(*topic, p.body))
		if err != nil {
			p.fail(err)
			<-room
		}
	}
}

func (p *peer) sendSync() {
	for {
		intended, called, more := p.turn(1, nil)
		if !more {
			return
		}
		result, err := p.producer.SendSync(context.Background(), primitive.NewMessage(*topic, p.body))
		p.ended(result, err, intended, called)
	}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/apache/rocketmq-client-go/v2" {
			return module.Version + ", " + info.GoVersion
		}
	}
	return "?"
}

func run() error {
	rlog.SetLogLevel("fatal")
	client, err := rocketmq.NewProducer(
		producer.WithNameServer([]string{*namesrv}),
		producer.WithGroupName("rmq_bench_peer"),
		producer.WithCompressMsgBodyOverHowmuch(1<<30),
	)
	if err != nil {
		return err
	}
	if err = client.Start(); err != nil {
		return err
	}
	p := &peer{producer: client, body: make([]byte, *size)}
	for i := range p.body {
		p.body[i] = 'a'
	}
	// The first send asks for the route; a burst of first sends would ask as often.
	if _, err = client.SendSync(context.Background(), primitive.NewMessage(*topic, p.body)); err != nil {
		return err
	}
	p.acked.Add(1)

	window := *permits
	p.begin, p.end = *warmup, *warmup+*duration
	p.start = time.Now()
	var senders sync.WaitGroup
	var room chan struct{}
	if *mode == "async" {
		room = make(chan struct{}, window)
		senders.Go(func() { p.sendAsync(room) })
	} else {
		window = *threads
		for range window {
			senders.Go(p.sendSync)
		}
	}
	time.Sleep(p.begin - p.now())
	failedBefore := p.failed.Load()
	time.Sleep(p.end - p.now())
	failed := p.failed.Load() - failedBefore
	// Let the last replies come in, so that the totals tell what the broker holds.
	senders.Wait()
	for patience := p.now() + 10*time.Second; len(room) > 0 && p.now() < patience; {
		time.Sleep(10 * time.Millisecond)
	}

	planned := p.sent.Load()
	if *rate > 0 {
		planned = p.due(p.end) - p.due(p.begin)
	}
	line, err := json.Marshal(map[string]any{
		"client": "go " + version(), "header": "json", "mode": *mode, "size": *size, "window": window, "rate": *rate,
		"windowBegin": float64(p.start.Add(p.begin).UnixMicro()) / 1e6, "seconds": duration.Seconds(),
		"planned": planned, "sent": p.sent.Load(), "acked": p.responses.count(), "failed": failed,
		"messagesPerSecond": float64(p.arrived.Load()) / duration.Seconds(),
		"responseP50Us":     p.responses.percentile(50), "responseP99Us": p.responses.percentile(99),
		"serviceP50Us": p.services.percentile(50), "serviceP99Us": p.services.percentile(99),
		"ackedTotal": p.acked.Load(), "failedTotal": p.failed.Load(),
	})
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

func main() {
	flag.Parse()
	if *namesrv == "" || flag.NArg() > 0 || (*mode != "async" && *mode != "sync") {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}
