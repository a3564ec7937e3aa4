// The kernel's side of the tracer: writes each transition into the socket's own storage, and into
// the ring buffer while somebody reads it. Nothing is decided here: trace_synthesis.cpp does.
#include "kernel.bpf.h"
//
#include "raw_event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define RING_BYTES (1 << 24)
#define WAKE_AT (RING_BYTES / 8)

const volatile struct raw_constants wanted = {};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, struct raw_life);
} lives SEC(".maps");

// By cookie: what is known of those that have no storage of their own: TIME-WAIT and FIN-WAIT-2
// without an owner; and of those just accepted, until their next event.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 131072);
  __type(key, __u64);
  __type(value, struct raw_clock_record);
} gone SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, __u64);
  __type(value, struct raw_life);
} accepted SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, RING_BYTES);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} lost SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_STACK_TRACE);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __uint(value_size, 127 * sizeof(__u64));
} stacks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, struct raw_top_key);
  __type(value, struct raw_top);
} tops SEC(".maps");

// Nobody reads the ring buffer of a tracer that was left behind: user space clears this.
__u32 listening = 1;

static __always_inline void count_lost(void) {
  __u32 zero = 0;
  __u64 *n = bpf_map_lookup_elem(&lost, &zero);
  if (n) ++*n;
}

static __always_inline void running_owner(struct raw_owner *to) {
  struct task_struct *task = bpf_get_current_task_btf();
  to->pid = process_number(task, wanted.process_namespace);
  if (to->pid) BPF_CORE_READ_STR_INTO(&to->command, task, group_leader, comm);
}

static __always_inline __u32 netns_of(const struct sock_common *common) {
  return BPF_CORE_READ(common, skc_net.net, ns.inum);
}

static __always_inline int unwanted(__u32 netns) { return wanted.only_netns && netns != wanted.only_netns; }

static __always_inline struct raw_event *reserve(int kind) {
  if (!listening || !(wanted.kinds & 1u << kind)) return 0;
  struct raw_event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
  if (!e) {
    count_lost();
    return 0;
  }
  __builtin_memset(e, 0, sizeof *e);
  e->at_ns = bpf_ktime_get_ns();
  e->kind = kind;
  e->call_stack = e->made_stack = -1;
  return e;
}

// The reader looks by itself some fifty times a second. Waking it for each event would cost more
// than all else here.
static __always_inline void submit(struct raw_event *e) {
  __u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  bpf_ringbuf_submit(e, waiting > WAKE_AT ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void addresses(struct raw_event *e, const struct sock_common *common) {
  e->family = BPF_CORE_READ(common, skc_family);
  e->remote_port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
  e->local_port = BPF_CORE_READ(common, skc_num);
  if (e->family == AF_INET) {
    __be32 local = BPF_CORE_READ(common, skc_rcv_saddr);
    __be32 remote = BPF_CORE_READ(common, skc_daddr);
    __builtin_memcpy(e->local, &local, 4);
    __builtin_memcpy(e->remote, &remote, 4);
  } else {
    BPF_CORE_READ_INTO(&e->local, common, skc_v6_rcv_saddr.in6_u.u6_addr8);
    BPF_CORE_READ_INTO(&e->remote, common, skc_v6_daddr.in6_u.u6_addr8);
  }
}

static __always_inline void describe(struct raw_event *e, struct sock *sk) {
  addresses(e, &sk->__sk_common);
  // The bound port is forgotten at >CLOSE; this one stays.
  e->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
  e->error = sk->sk_err;
  e->uid = BPF_CORE_READ(sk, sk_uid.val);
  unsigned long flags = sk->__sk_common.skc_flags;
  if (flags & 1) e->flags |= RAW_ORPHAN;    // SOCK_DEAD
  if (flags & 2) e->flags |= RAW_FIN_SEEN;  // SOCK_DONE
}

static __always_inline void with_life(struct raw_event *e, const struct raw_life *life) {
  e->owner = life->owner;
  e->flags |= life->owner_is;
  e->hops = life->hops;
  e->made_stack = life->made_stack;
}

// Whether the running process asked for this move. A packet's is made with the socket free, or when
// a call lets it go (the backlog): those that only packets make, and errors, are no call's.
static __always_inline int moved_by_call(struct sock *sk, int old, int new) {
  if (old == TCP_CLOSE) return new == TCP_SYN_SENT || new == TCP_LISTEN;
  if (new == TCP_FIN_WAIT1 || new == TCP_LAST_ACK) return 1;
  if (new != TCP_CLOSE || sk->sk_err) return 0;
  if (old == TCP_FIN_WAIT2 || old == TCP_CLOSING || old == TCP_LAST_ACK) return 0;
  return BPF_CORE_READ(sk, sk_lock.owned) != 0;
}

static __always_inline int keep_stack(void *ctx, __u64 cookie, __u32 call) {
  struct raw_top_key key = {.cookie = cookie, .call = call};
  struct raw_top top = {};
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  unsigned long sp = BPF_CORE_READ(registers, sp);
  bpf_probe_read_user(&top, sizeof top, (void *)sp);
  bpf_map_update_elem(&tops, &key, &top, BPF_ANY);
  return bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP);
}

// The accepting process, when accept() was seen to return this socket.
static __always_inline void learn_accepted(struct raw_life *life, __u64 cookie) {
  if (life->owner_is == RAW_OWNER_KNOWN) return;
  struct raw_life *by = bpf_map_lookup_elem(&accepted, &cookie);
  if (!by) return;
  life->owner = by->owner;
  life->made_stack = by->made_stack;
  life->owner_is = RAW_OWNER_KNOWN;
  bpf_map_delete_elem(&accepted, &cookie);
}

static __always_inline void begin(struct raw_life *life, __u64 now) {
  life->first_ns = now;
  life->made_stack = -1;
  life->read_stack = -1;
}

static __always_inline void keep_gone(const struct raw_life *life, __u64 cookie, __u32 netns, __u8 state) {
  struct raw_clock_record record = {
      .cookie = cookie, .netns = netns, .process_namespace = wanted.process_namespace, .life = *life};
  record.life.state = state;
  bpf_map_update_elem(&gone, &cookie, &record, BPF_ANY);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new) {
  if (sk->sk_protocol != IPPROTO_TCP) return 0;
  __u32 netns = netns_of(&sk->__sk_common);
  if (unwanted(netns)) return 0;
  __u64 now = bpf_ktime_get_ns();
  __u64 cookie = bpf_get_socket_cookie(sk);
  struct raw_life *life = bpf_sk_storage_get(&lives, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!life) {
    count_lost();
    return 0;
  }
  __u64 spent = life->since_ns ? now - life->since_ns : 0;
  __u8 from_rtt = 0;
  if (!life->first_ns) begin(life, now);
  if (old == TCP_LISTEN && new == TCP_SYN_RECV) {
    // A child: what it has is its listener's, but for the owner until somebody accepts it.
    spent = 0;
    begin(life, now);
    life->hops = 0;
    life->reader = 0;
    life->eof_seen = 0;
    if (life->owner_is) life->owner_is = RAW_OWNER_LISTENER;
  } else if (old == TCP_CLOSE && (new == TCP_SYN_SENT || new == TCP_LISTEN)) {
    running_owner(&life->owner);
    life->owner_is = RAW_OWNER_KNOWN;
  } else if (old == TCP_SYN_RECV && new == TCP_ESTABLISHED) {
    __u32 rtt = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
    if (rtt) {
      spent = (__u64)rtt * 1000;
      from_rtt = RAW_AGE_FROM_RTT;
    }
  }
  learn_accepted(life, cookie);
  // close() and shutdown() run in the process that held it, if nobody saw who accepted it.
  int by_call = new == TCP_LAST_ACK || (new == TCP_FIN_WAIT1 && old != TCP_CLOSE_WAIT);
  if (by_call && life->owner_is != RAW_OWNER_KNOWN) {
    running_owner(&life->owner);
    life->owner_is = RAW_OWNER_KNOWN;
  }
  by_call = moved_by_call(sk, old, new);
  int call_stack = -1;
  if (wanted.with_stacks && by_call) {
    int opens = new == TCP_SYN_SENT;
    call_stack = keep_stack(ctx, cookie, opens ? RAW_TOP_MADE : RAW_TOP_MOVED + new);
    if (opens) life->made_stack = call_stack;
  }
  life->since_ns = now;
  life->previous = old;
  life->state = new;
  ++life->hops;
  if (new == TCP_CLOSE) {
    int mini = (old == TCP_FIN_WAIT2 || old == TCP_CLOSING) && !sk->sk_err;
    int fin = old == TCP_CLOSING || (sk->__sk_common.skc_flags & 2);
    if (mini) keep_gone(life, cookie, netns, fin ? TCP_TIME_WAIT : TCP_FIN_WAIT2);
  }
  struct raw_event *e = reserve(RAW_STATE);
  if (!e) return 0;
  e->at_ns = now;
  e->cookie = cookie;
  e->netns = netns;
  e->in_state_ns = spent;
  e->from = old;
  e->to = new;
  describe(e, sk);
  with_life(e, life);
  e->flags |= from_rtt;
  if (by_call) e->flags |= RAW_BY_CALL;
  e->call_stack = call_stack;
  running_owner(&e->running);
  submit(e);
  return 0;
}

static __always_inline int note_socket(int kind, struct sock *sk, __u32 reason) {
  if (sk->sk_protocol != IPPROTO_TCP) return 0;
  __u32 netns = netns_of(&sk->__sk_common);
  if (unwanted(netns)) return 0;
  __u64 cookie = bpf_get_socket_cookie(sk);
  struct raw_life *life = bpf_sk_storage_get(&lives, sk, 0, 0);
  if (life) learn_accepted(life, cookie);
  struct raw_event *e = reserve(kind);
  if (!e) return 0;
  e->cookie = cookie;
  e->netns = netns;
  e->reason = reason;
  e->from = e->to = sk->__sk_common.skc_state;
  describe(e, sk);
  if (life) {
    with_life(e, life);
    if (life->since_ns) e->in_state_ns = e->at_ns - life->since_ns;
  }
  running_owner(&e->running);
  submit(e);
  return 0;
}

// A received segment that has no socket of its own, or none that tracepoints tell of.
static __always_inline int note_segment(int kind, struct sk_buff *skb, __u32 reason) {
  struct net_device *dev = BPF_CORE_READ(skb, dev);
  if (!dev) {
    struct dst_entry *dst = (struct dst_entry *)(BPF_CORE_READ(skb, _skb_refdst) & ~1ul);
    if (!dst) return 0;
    dev = BPF_CORE_READ(dst, dev);
  }
  __u32 netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
  if (unwanted(netns)) return 0;
  unsigned char *head = BPF_CORE_READ(skb, head);
  void *network = head + BPF_CORE_READ(skb, network_header);
  void *transport = head + BPF_CORE_READ(skb, transport_header);
  __u8 version = 0;
  bpf_probe_read_kernel(&version, 1, network);
  struct raw_event *e = reserve(kind);
  if (!e) return 0;
  e->netns = netns;
  e->reason = reason;
  e->from = e->to = TCP_CLOSE;
  if (version >> 4 == 4) {
    struct iphdr *ip = network;
    e->family = AF_INET;
    BPF_CORE_READ_INTO((__be32 *)e->local, ip, daddr);
    BPF_CORE_READ_INTO((__be32 *)e->remote, ip, saddr);
  } else {
    struct ipv6hdr *ip = network;
    e->family = AF_INET6;
    BPF_CORE_READ_INTO(&e->local, ip, daddr.in6_u.u6_addr8);
    BPF_CORE_READ_INTO(&e->remote, ip, saddr.in6_u.u6_addr8);
  }
  __be16 ports[2] = {};
  bpf_probe_read_kernel(ports, sizeof ports, transport);
  e->remote_port = bpf_ntohs(ports[0]);
  e->local_port = bpf_ntohs(ports[1]);
  submit(e);
  return 0;
}

static __always_inline int note_reset(struct sock *sk, struct sk_buff *skb, __u32 reason) {
  if (sk) {
    __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
    // Requests and TIME-WAIT records are no whole sockets.
    if (state != TCP_TIME_WAIT && state != 12 && state != TCP_LISTEN) return note_socket(RAW_RESET_SENT, sk, reason);
  }
  return skb ? note_segment(RAW_RESET_SENT, skb, reason) : 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_sent, struct sock *sk, struct sk_buff *skb, int reason) { return note_reset(sk, skb, reason); }

// Before Linux 6.10 there was no reason.
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_sent_plain, struct sock *sk, struct sk_buff *skb) { return note_reset(sk, skb, 0); }

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_received, struct sock *sk) { return note_socket(RAW_RESET_RECEIVED, sk, 0); }

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock *sk) { return note_socket(RAW_RETRANSMIT, sk, 0); }

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack_again, struct sock *sk, struct request_sock *request) {
  __u32 netns = netns_of(&request->__req_common);
  if (unwanted(netns)) return 0;
  struct raw_event *e = reserve(RAW_SYNACK_AGAIN);
  if (!e) return 0;
  e->cookie = bpf_get_socket_cookie(request);
  e->netns = netns;
  e->from = e->to = TCP_SYN_RECV;
  addresses(e, &request->__req_common);
  submit(e);
  return 0;
}

// A segment for a TIME-WAIT or FIN-WAIT-2 record is freed as if it were dropped.
SEC("tp_btf/kfree_skb")
int BPF_PROG(on_dropped, struct sk_buff *skb) {
  __u16 network = BPF_CORE_READ(skb, network_header), transport = BPF_CORE_READ(skb, transport_header);
  if (transport <= network || transport - network > 512) return 0;
  unsigned char *head = BPF_CORE_READ(skb, head);
  __u8 bytes[10] = {};
  bpf_probe_read_kernel(bytes, sizeof bytes, head + network);
  __u8 protocol = bytes[0] >> 4 == 4 ? bytes[9] : bytes[0] >> 4 == 6 ? bytes[6] : 0;
  if (protocol != IPPROTO_TCP) return 0;
  __u8 flags = 0;
  bpf_probe_read_kernel(&flags, 1, head + transport + 13);
  if ((flags & 7) != 1) return 0;  // FIN, neither SYN nor RST
  return note_segment(RAW_FIN_DROPPED, skb, 0);
}

struct exit_args {
  __u64 common;
  long number;
  long result;
};

// The socket behind a descriptor of the running process. Its storage cannot be reached from here.
static __always_inline int note_accepted(void *ctx, long fd) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  if (fd < 0 || fd >= BPF_CORE_READ(table, max_fds)) return 0;
  struct file **slots = BPF_CORE_READ(table, fd);
  struct file *file = 0;
  bpf_probe_read_kernel(&file, sizeof file, slots + fd);
  struct socket *socket = BPF_CORE_READ(file, private_data);
  struct sock *sk = BPF_CORE_READ(socket, sk);
  __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP) return 0;
  if (unwanted(netns_of(&sk->__sk_common))) return 0;
  __u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
  if (!cookie) return 0;
  struct raw_life life = {.made_stack = -1, .read_stack = -1, .owner_is = RAW_OWNER_KNOWN};
  running_owner(&life.owner);
  if (wanted.with_stacks) life.made_stack = keep_stack(ctx, cookie, RAW_TOP_MADE);
  bpf_map_update_elem(&accepted, &cookie, &life, BPF_ANY);
  return 0;
}

SEC("tp/syscalls/sys_exit_accept")
int on_accept(struct exit_args *ctx) { return note_accepted(ctx, ctx->result); }

SEC("tp/syscalls/sys_exit_accept4")
int on_accept4(struct exit_args *ctx) { return note_accepted(ctx, ctx->result); }

// Every read of a socket, its end of file too (result 0). Linux 6.3 and later.
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_read, struct sock *sk, int result, int flags) {
  __u16 family = sk->__sk_common.skc_family;
  if (result < 0 || (family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP) return 0;
  if (unwanted(netns_of(&sk->__sk_common))) return 0;
  struct raw_life *life = bpf_sk_storage_get(&lives, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!life) return 0;
  __u64 now = bpf_ktime_get_ns();
  if (!life->first_ns) {
    begin(life, now);
    life->state = sk->__sk_common.skc_state;
  }
  __u64 cookie = bpf_get_socket_cookie(sk);
  learn_accepted(life, cookie);
  life->reader = process_number(bpf_get_current_task_btf(), wanted.process_namespace);
  life->read_ns = now;
  if (result == 0) life->eof_seen = 1;
  if (wanted.with_stacks) life->read_stack = keep_stack(ctx, cookie, RAW_TOP_READ);
  return 0;
}

// Run once when the tracer begins: gives those that are there already their owner.
SEC("iter/task_file")
int meet_those_here(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct file *file = ctx->file;
  if (!task || !file) return 0;
  struct socket *socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock *sk = socket->sk;
  if (!sk) return 0;
  __u16 family = sk->__sk_common.skc_family;
  if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP) return 0;
  if (unwanted(netns_of(&sk->__sk_common))) return 0;
  struct raw_life *life = bpf_sk_storage_get(&lives, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!life || life->owner_is == RAW_OWNER_KNOWN) return 0;
  if (!life->first_ns) {
    begin(life, bpf_ktime_get_ns());
    life->state = sk->__sk_common.skc_state;
  }
  life->owner.pid = process_number(task, wanted.process_namespace);
  BPF_CORE_READ_STR_INTO(&life->owner.command, task, group_leader, comm);
  life->owner_is = RAW_OWNER_KNOWN;
  return 0;
}

// Over the sockets of the reader's namespace, not over the storage map: that has as many buckets as
// processors, and an iterator walks a bucket from its beginning for each page that it fills.
SEC("iter/tcp")
int read_lives(struct bpf_iter__tcp *ctx) {
  struct sock_common *common = ctx->sk_common;
  if (!common) return 0;
  struct tcp_sock *sk = bpf_skc_to_tcp_sock(common);
  if (!sk) return 0;
  struct raw_life *life = bpf_sk_storage_get(&lives, sk, 0, 0);
  if (!life) return 0;
  struct raw_clock_record record = {};
  record.cookie = bpf_get_socket_cookie(common);
  record.netns = netns_of(common);
  record.process_namespace = wanted.process_namespace;
  learn_accepted(life, record.cookie);
  __builtin_memcpy(&record.life, life, sizeof record.life);
  bpf_seq_write(ctx->meta->seq, &record, sizeof record);
  return 0;
}

SEC("iter/bpf_map_elem")
int read_gone(struct bpf_iter__bpf_map_elem *ctx) {
  struct raw_clock_record *value = ctx->value;
  if (!ctx->key || !value) return 0;
  struct raw_clock_record record;
  __builtin_memcpy(&record, value, sizeof record);
  bpf_seq_write(ctx->meta->seq, &record, sizeof record);
  return 0;
}
