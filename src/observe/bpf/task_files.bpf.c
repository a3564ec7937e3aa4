// Every descriptor of every process that is a TCP socket, in one walk.
#include "kernel.bpf.h"
//
#include "raw_event.h"

// Of the reader: its numbers are told.
const volatile __u32 process_namespace = 0;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task_file")
int each_descriptor(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct file *file = ctx->file;
  // Threads share their process's table, save where unshared: one visit for a process.
  if (!task || !file) return 0;
  struct socket *socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock *sk = socket->sk;
  if (!sk) return 0;
  const int family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6) return 0;
  if (sk->sk_protocol != IPPROTO_TCP) return 0;
  struct raw_descriptor row = {};
  row.inode = BPF_CORE_READ(file, f_inode, i_ino);
  row.pid = process_number(task, process_namespace);
  if (!row.pid) return 0;
  row.fd = ctx->fd;
  BPF_CORE_READ_STR_INTO(&row.command, task, group_leader, comm);
  bpf_seq_write(ctx->meta->seq, &row, sizeof row);
  return 0;
}
