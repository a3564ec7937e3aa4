// The few fields of the kernel's structures that are read. Names only: where they lie is looked up
// in the running kernel's BTF when the program is loaded.
#pragma once
#include <linux/types.h>
//
#include <linux/bpf.h>
//
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define IPPROTO_TCP 6
#define AF_INET 2
#define AF_INET6 10

enum {
  TCP_ESTABLISHED = 1,
  TCP_SYN_SENT,
  TCP_SYN_RECV,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_TIME_WAIT,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_CLOSING
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
struct in6_addr {
  union {
    __u8 u6_addr8[16];
  } in6_u;
};
typedef struct {
  unsigned int val;
} kuid_t;
typedef struct {
  long long counter;
} atomic64_t;

struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  atomic64_t skc_cookie;
  unsigned long skc_flags;
};
typedef struct {
  int owned;
} socket_lock_t;
struct sock {
  struct sock_common __sk_common;
  socket_lock_t sk_lock;
  int sk_err;
  kuid_t sk_uid;
  __u16 sk_protocol;
};
struct inet_sock {
  __be16 inet_sport;
};
struct tcp_sock {
  __u32 srtt_us;
};
struct request_sock {
  struct sock_common __req_common;
};

struct net_device {
  possible_net_t nd_net;
};
struct dst_entry {
  struct net_device* dev;
};
struct sk_buff {
  struct net_device* dev;
  unsigned long _skb_refdst;
  unsigned char* head;
  __u16 network_header;
  __u16 transport_header;
};
struct iphdr {
  __be32 saddr;
  __be32 daddr;
};
struct ipv6hdr {
  struct in6_addr saddr;
  struct in6_addr daddr;
};

struct inode {
  unsigned long i_ino;
};
struct file {
  struct inode* f_inode;
  void* private_data;
  const void* f_op;
};
struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};
struct files_struct {
  struct fdtable* fdt;
};
struct pid_namespace {
  struct ns_common ns;
};
struct upid {
  int nr;
  struct pid_namespace* ns;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};
struct task_struct {
  int pid;
  int tgid;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  struct files_struct* files;
  char comm[16];
};
struct socket {
  struct file* file;
  struct sock* sk;
};

struct pt_regs {
  unsigned long sp;
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
  __u64 session_id;
  __u64 seq_num;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};
struct bpf_iter__tcp {
  struct bpf_iter_meta* meta;
  struct sock_common* sk_common;
  __u32 uid;
};
struct bpf_iter__bpf_map_elem {
  struct bpf_iter_meta* meta;
  struct bpf_map* map;
  void* key;
  void* value;
};

#pragma clang attribute pop

#define MOST_PID_LEVELS 33  // the kernel nests process namespaces 32 deep

// The number that a process namespace (by its inode; 0: the first of all) has for the task's
// process. 0: it cannot be seen from there.
static __always_inline __u32 process_number(struct task_struct* task, __u32 of_namespace) {
  if (!of_namespace) return task->tgid;
  struct pid* pid = BPF_CORE_READ(task, group_leader, thread_pid);
  if (!pid) return 0;
  unsigned int level = BPF_CORE_READ(pid, level);
  const void* numbers = (const void*)pid + bpf_core_field_offset(struct pid, numbers);
  for (unsigned int i = 0; i < MOST_PID_LEVELS && i <= level; ++i) {
    const struct upid* one = numbers + i * bpf_core_type_size(struct upid);
    if (BPF_CORE_READ(one, ns, ns.inum) == of_namespace) return BPF_CORE_READ(one, nr);
  }
  return 0;
}
