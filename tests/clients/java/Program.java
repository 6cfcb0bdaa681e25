import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Uses a cluster through jetcd, as its users do. The README one folder up says what each scenario is
 * and what the lines on stdin and stdout mean.
 */
public final class Program {
  interface Scenario {
    void run(Client client) throws Exception;
  }

  static final BufferedReader ANSWERS = new BufferedReader(new InputStreamReader(System.in));
  static String[] endpoints;

  static ByteSequence bytes(String text) {
    return ByteSequence.from(text, StandardCharsets.UTF_8);
  }

  static void expect(String what, boolean holds, Object detail) {
    if (!holds) throw new AssertionError(what + ": " + detail);
  }

  static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(30, TimeUnit.SECONDS);
  }

  /** Whether it is still waiting after a moment. */
  static boolean waits(CompletableFuture<?> future) throws Exception {
    try {
      future.get(300, TimeUnit.MILLISECONDS);
      return false;
    } catch (TimeoutException expected) {
      return true;
    }
  }

  static Client connect() {
    return Client.builder().endpoints(endpoints).build();
  }

  /** Has the runner do something to a member; done once it returns. */
  static void ask(String verb, long member) throws IOException {
    System.out.println(verb + " " + Long.toUnsignedString(member));
    String answer = ANSWERS.readLine();
    expect(verb, "done".equals(answer), answer);
  }

  static void kv(Client client) throws Exception {
    KV kv = client.getKVClient();
    get(kv.put(bytes("/kv/a"), bytes("1")));
    var second = get(kv.put(bytes("/kv/a"), bytes("2"), PutOption.builder().withPrevKV().build()));
    expect("put tells the pair before", second.getPrevKv().getValue().equals(bytes("1")), second);
    get(kv.put(bytes("/kv/b"), bytes("b")));
    var page = get(kv.get(bytes("/kv/"), GetOption.builder().isPrefix(true).withLimit(1)
        .withSortField(GetOption.SortTarget.KEY).withSortOrder(GetOption.SortOrder.DESCEND)
        .build()));
    expect("a page of one key, last first", page.getCount() == 2 && page.isMore()
        && page.getKvs().get(0).getKey().equals(bytes("/kv/b")), page);
    var past = get(kv.get(bytes("/kv/a"), GetOption.builder()
        .withRevision(second.getHeader().getRevision() - 1).build()));
    expect("a read of the past", past.getKvs().get(0).getValue().equals(bytes("1")), past);
    var gone = get(kv.delete(bytes("/kv/"), DeleteOption.builder().isPrefix(true).build()));
    expect("a prefix is deleted", gone.getDeleted() == 2, gone);
    try {
      get(kv.put(bytes(""), bytes("x")));
      throw new AssertionError("an empty key is taken");
    } catch (java.util.concurrent.ExecutionException refused) {
      expect("an empty key is refused",
          refused.getMessage().contains("etcdserver: key is not provided"), refused);
    }
  }

  static void txn(Client client) throws Exception {
    KV kv = client.getKVClient();
    ByteSequence key = bytes("/txn/a");
    expect("a key is made", create(kv, key, "1").isSucceeded(), key);
    var again = create(kv, key, "2");
    expect("a key is made only once", !again.isSucceeded()
        && again.getGetResponses().get(0).getKvs().get(0).getValue().equals(bytes("1")), again);
  }

  static io.etcd.jetcd.kv.TxnResponse create(KV kv, ByteSequence key, String value)
      throws Exception {
    return get(kv.txn().If(new Cmp(key, Cmp.Op.EQUAL, CmpTarget.createRevision(0)))
        .Then(Op.put(key, bytes(value), PutOption.DEFAULT))
        .Else(Op.get(key, GetOption.DEFAULT)).commit());
  }

  static void lease(Client client) throws Exception {
    var granted = get(client.getLeaseClient().grant(2));
    long lease = granted.getID();
    ByteSequence key = bytes("/lease/a");
    var put = get(client.getKVClient().put(key, bytes("x"),
        PutOption.builder().withLeaseId(lease).build()));
    BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
    var option = WatchOption.builder().withRevision(put.getHeader().getRevision() + 1).build();
    try (var watcher = client.getWatchClient().watch(key, option,
        Watch.listener(response -> events.addAll(response.getEvents())))) {
      BlockingQueue<Long> renewals = new LinkedBlockingQueue<>();
      var keeper = client.getLeaseClient().keepAlive(lease, new Renewals(renewals));
      WatchEvent early = events.poll(2 * granted.getTTL() + 1, TimeUnit.SECONDS);
      expect("it lives while it is kept", early == null && !renewals.isEmpty(), early);
      expect("renewals tell its time",
          renewals.stream().allMatch(ttl -> ttl == granted.getTTL()), renewals);
      keeper.close();
      WatchEvent end = events.poll(granted.getTTL() + 5, TimeUnit.SECONDS);
      expect("it ends when nobody keeps it",
          end != null && end.getEventType() == WatchEvent.EventType.DELETE, end);
    }
    var left = get(client.getLeaseClient().timeToLive(lease, LeaseOption.DEFAULT));
    expect("then it has no time", left.getTTL() == -1, left);
  }

  record Renewals(BlockingQueue<Long> ttls)
      implements io.grpc.stub.StreamObserver<io.etcd.jetcd.lease.LeaseKeepAliveResponse> {
    @Override
    public void onNext(io.etcd.jetcd.lease.LeaseKeepAliveResponse response) {
      ttls.add(response.getTTL());
    }

    @Override
    public void onError(Throwable error) {
      ttls.add(-1L);
    }

    @Override
    public void onCompleted() {}
  }

  static void lock(Client client) throws Exception {
    long lease = get(client.getLeaseClient().grant(60)).getID();
    long other = get(client.getLeaseClient().grant(60)).getID();
    var held = get(client.getLockClient().lock(bytes("l"), lease));
    var wanted = client.getLockClient().lock(bytes("l"), other);
    expect("a lock has one holder", waits(wanted), held);
    get(client.getLockClient().unlock(held.getKey()));
    expect("its key is below its name", get(wanted).getKey().startsWith(bytes("l/")), wanted);
    // It goes with its lease.
    var third = client.getLockClient().lock(bytes("l"), lease);
    expect("it waits", waits(third), third);
    get(client.getLeaseClient().revoke(other));
    get(client.getLockClient().unlock(get(third).getKey()));
  }

  static void election(Client client) throws Exception {
    long lease = get(client.getLeaseClient().grant(60)).getID();
    long other = get(client.getLeaseClient().grant(60)).getID();
    ByteSequence name = bytes("e");
    BlockingQueue<ByteSequence> leaders = new LinkedBlockingQueue<>();
    var election = client.getElectionClient();
    var won = get(election.campaign(name, lease, bytes("one")));
    election.observe(name, new Leaders(leaders));
    expect("the first leader is told", bytes("one").equals(leaders.poll(10, TimeUnit.SECONDS)),
        leaders);
    var rival = election.campaign(name, other, bytes("other"));
    expect("a rival waits", waits(rival), rival);
    get(election.proclaim(won.getLeader(), bytes("still one")));
    var told = get(election.leader(name)).getKv().getValue();
    expect("a leader proclaims", told.equals(bytes("still one")), told);
    get(election.resign(won.getLeader()));
    get(rival);
    ByteSequence last = leaders.poll(10, TimeUnit.SECONDS);
    while (!bytes("other").equals(last)) {
      expect("the next leader is told", last != null, last);
      last = leaders.poll(10, TimeUnit.SECONDS);
    }
    get(client.getLeaseClient().revoke(other));
  }

  record Leaders(BlockingQueue<ByteSequence> values) implements io.etcd.jetcd.Election.Listener {
    @Override
    public void onNext(io.etcd.jetcd.election.LeaderResponse response) {
      values.add(response.getKv().getValue());
    }

    @Override
    public void onError(Throwable error) {
      values.add(bytes(error.toString()));
    }

    @Override
    public void onCompleted() {}
  }

  static void run(String name, Client client, Scenario scenario) {
    try {
      scenario.run(client);
      System.out.println("pass " + name);
    } catch (Exception | AssertionError error) {
      error.printStackTrace();
      System.out.println("fail " + name + " " + error.toString().replace('\n', ' '));
    }
  }

  public static void main(String[] arguments) {
    endpoints = Arrays.stream(arguments[0].split(",")).map(each -> "http://" + each)
        .toArray(String[]::new);
    try (Client client = connect()) {
      run("kv", client, Program::kv);
      run("txn", client, Program::txn);
      run("watch", client, WatchScenario::overKilledMember);
      run("lease", client, Program::lease);
      run("lock", client, Program::lock);
      run("election", client, Program::election);
    }
    System.exit(0);
  }
}
